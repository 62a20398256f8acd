#include <doctest/doctest.h>

#include <set>

#include "pgsaba/sql/access.h"

using namespace pgsaba::sql;

TEST_CASE("every reason has a text of its own, and a read has none") {
  std::set<std::string_view> texts;
  for (std::size_t number = 0; number < kAccessReasons; ++number)
    texts.insert(text_of(static_cast<AccessReason>(number)));
  CHECK(texts.size() == kAccessReasons);
  CHECK(text_of(AccessReason::kNone).empty());
  CHECK(text_of(AccessReason::kLockingClause) == "locking clause");
  CHECK(text_of(AccessReason::kInto) == "SELECT INTO");
  CHECK(text_of(AccessReason::kDeniedFunction) == "function denied by routing.deny_functions");
  CHECK(text_of(AccessReason::kUnreadable) == "text that cannot be read to its end");
}

TEST_CASE("access and hints by their words") {
  CHECK(text_of(Access::kPrimaryRead) == "primary read");
  CHECK(text_of(Access::kWrite) == "write");
  CHECK(text_of(RouteHint::kNone).empty());
  CHECK(text_of(RouteHint::kReplica) == "replica");
}
