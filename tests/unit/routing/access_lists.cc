#include "pgsaba/routing/access_lists.h"

#include <doctest/doctest.h>

#include "pgsaba/sql/statement.h"

using namespace pgsaba;
using sql::Access;
using sql::AccessReason;

TEST_CASE("without lists there are no rules") { CHECK(routing::access_rules({}) == nullptr); }

TEST_CASE("the lists decide where a statement may run, not what it may leave behind") {
  config::Routing routing;
  routing.allow_functions = {"surface", "app.Size", "\"Big\""};
  routing.deny_functions = {"UPPER", "area2"};
  routing.deny_relations = {"queue"};
  const auto rules = routing::access_rules(routing);
  REQUIRE(rules);
  const auto read = [&](std::string_view text) { return read_statement(text, {}, rules.get()); };
  CHECK(read("select surface(1)").access == Access::kRead);
  CHECK((read("select surface(1)").effects & sql::effect::kUnknownCode) != 0);
  CHECK(read("select app.size(1), APP.SIZE(2)").access == Access::kRead);
  CHECK(read("select size(1)").reason == AccessReason::kUnknownFunction);
  CHECK(read("select \"Big\"(1)").access == Access::kRead);
  CHECK(read("select big(1)").reason == AccessReason::kUnknownFunction);
  CHECK(read("select upper('a')").reason == AccessReason::kDeniedFunction);
  CHECK(read("select 1 from public.Queue").reason == AccessReason::kDeniedRelation);
}

TEST_CASE("rules that say the same have the same fingerprint, and only those") {
  config::Routing one;
  one.allow_functions = {"a", "b"};
  config::Routing two;
  two.allow_functions = {"b", "a"};
  const auto of = [](const config::Routing& routing) {
    return routing::access_rules(routing)->fingerprint();
  };
  CHECK(of(one) == of(two));
  two.allow_functions = {"ab"};
  CHECK(of(one) != of(two));
  config::Routing three;
  three.deny_functions = {"a"};
  config::Routing four;
  four.deny_relations = {"a"};
  CHECK(of(three) != of(four));
}
