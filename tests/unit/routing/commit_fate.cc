#include "pgsaba/routing/commit_fate.h"

#include <doctest/doctest.h>

namespace pgsaba::routing {
namespace {

constexpr CommitMark kMark{.xid = 100, .timeline = 3, .asked_at = 1};

Fate fate(const FateEvidence& evidence) { return fate_of(kMark, evidence); }

TEST_CASE("a server that was not restarted is believed") {
  const auto says = [](std::string_view status) {
    return fate({.timeline = 3, .same_life = true, .status = status});
  };
  CHECK(says("committed") == Fate::kCommitted);
  CHECK(says("aborted") == Fate::kRolledBack);
  CHECK(says("in progress") == Fate::kStillRuns);
  CHECK(says("") == Fate::kUnknown);  // too long ago
}

TEST_CASE("one that was restarted may have given the id again") {
  const auto says = [](std::string_view status, std::uint64_t first_xid) {
    return fate({.timeline = 3, .first_xid = first_xid, .status = status});
  };
  CHECK(says("committed", 101) == Fate::kCommitted);
  CHECK(says("committed", 100) == Fate::kUnknown);  // the first transaction after the crash
  CHECK(says("committed", 50) == Fate::kUnknown);
  CHECK(says("committed", 0) == Fate::kUnknown);
  CHECK(says("in progress", 50) == Fate::kUnknown);
  // Whosever it was: ours cannot have been committed.
  CHECK(says("aborted", 50) == Fate::kRolledBack);
  CHECK(says("aborted", 0) == Fate::kRolledBack);
}

TEST_CASE("an id that the server never gave was lost with the crash") {
  CHECK(fate({.timeline = 3, .never_given = true}) == Fate::kRolledBack);
}

TEST_CASE("another timeline is another history") {
  CHECK(fate({.timeline = 4, .same_life = true, .status = "committed"}) == Fate::kUnknown);
  CHECK(fate({.timeline = 4, .same_life = true, .status = "aborted"}) == Fate::kUnknown);
  CHECK(fate({.timeline = 4, .never_given = true}) == Fate::kUnknown);
  CHECK(fate({.timeline = 2, .status = "aborted"}) == Fate::kUnknown);
}

TEST_CASE("without an id nothing is known") {
  const FateEvidence evidence{.timeline = 3, .same_life = true, .status = "committed"};
  CHECK(fate_of({.xid = 0, .timeline = 3}, evidence) == Fate::kUnknown);
  CHECK(fate_of({.xid = 9, .timeline = 0}, {.timeline = 0, .status = "aborted"}) == Fate::kUnknown);
}

TEST_CASE("ids with and without their epoch") {
  CHECK(full_xid("1234") == 1234);
  CHECK(full_xid("0:1234") == 1234);
  CHECK(full_xid("2:7") == (std::uint64_t{2} << 32 | 7));
  CHECK(full_xid("") == 0);
  CHECK(full_xid("?") == 0);
}

}  // namespace
}  // namespace pgsaba::routing
