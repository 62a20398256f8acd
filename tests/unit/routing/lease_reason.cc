#include "pgsaba/routing/lease_reason.h"

#include <doctest/doctest.h>

#include <set>
#include <string>

using namespace pgsaba::routing;
using pgsaba::sql::AccessReason;

TEST_CASE("every reason has a text of its own") {
  std::set<std::string_view> texts;
  std::size_t reasons = 0;
  for (std::size_t number = 0; number < kLeaseReasons; ++number) {
    const auto reason = static_cast<LeaseReason>(number);
    if (reason == LeaseReason::kPrimary || reason == LeaseReason::kText) continue;
    CAPTURE(number);
    CHECK(text_of(reason) != "?");
    CHECK_FALSE(text_of(reason).empty());
    texts.insert(text_of(reason));
    ++reasons;
  }
  CHECK(texts.size() == reasons);
}

TEST_CASE("what the text says is a reason, too") {
  CHECK(text_of(lease_reason(AccessReason::kLockingClause)) == "locking clause");
  CHECK(text_of(lease_reason(AccessReason::kUnreadable)) ==
        pgsaba::sql::text_of(AccessReason::kUnreadable));
  CHECK_FALSE(is_on_standby(lease_reason(AccessReason::kStatement)));
  CHECK_FALSE(is_on_standby(LeaseReason::kRepeated));
  CHECK(is_on_standby(LeaseReason::kRead));
  CHECK(is_on_standby(LeaseReason::kReadOnlyTransaction));
}

TEST_CASE("leases and waits are counted by their reason") {
  LeaseCounts counts;
  counts.add_wait(LeaseReason::kRead, 300);
  counts.add(LeaseReason::kRead);
  counts.add(LeaseReason::kRead);
  counts.add(lease_reason(AccessReason::kUnreadable));
  CHECK(counts.of(LeaseReason::kRead).leases == 2);
  CHECK(counts.of(LeaseReason::kRead).waited == 1);
  CHECK(counts.of(LeaseReason::kRead).wait_us == 300);
  CHECK(counts.of(lease_reason(AccessReason::kUnreadable)).leases == 1);
  CHECK(counts.of(LeaseReason::kHint).leases == 0);
}
