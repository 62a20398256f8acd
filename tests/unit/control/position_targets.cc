#include "control/position_targets.h"

#include <doctest/doctest.h>

using pgsaba::control::PositionTargets;
using pgsaba::control::reachable_position;

namespace {

constexpr std::uint64_t kSegment = 16ULL * 1024 * 1024;
constexpr std::uint64_t kPage = 8'192;

}  // namespace

TEST_CASE("positions behind the header of an empty page are those in front of it") {
  struct Row {
    const char* what;
    std::uint64_t insert;
    std::uint64_t reachable;
  };
  const Row rows[] = {
      {"in the middle of a page", 5 * kPage + 1'000, 5 * kPage + 1'000},
      {"at the end of a page", 5 * kPage, 5 * kPage},
      {"behind a page's header", 5 * kPage + 24, 5 * kPage},
      {"behind the long header of a segment", 3 * kSegment + 40, 3 * kSegment},
      {"a short header has no place in a segment's first page", 3 * kSegment + 25,
       3 * kSegment + 25},
      {"40 bytes into another page", 5 * kPage + 40, 5 * kPage + 40},
  };
  for (const Row& row : rows) {
    CAPTURE(row.what);
    CHECK(reachable_position(row.insert, kSegment) == row.reachable);
  }
  CHECK(reachable_position(3 * kSegment + 40, 0) == 3 * kSegment + 40);
}

TEST_CASE("what a standby has reached is the last position that it has replayed") {
  PositionTargets targets;
  CHECK(targets.reached(1'000) == 0);
  CHECK_FALSE(targets.is_behind(0));
  targets.add(3, 100);
  targets.add(5, 200);
  CHECK(targets.reached(99) == 0);
  CHECK(targets.reached(100) == 3);
  CHECK(targets.reached(199) == 3);
  CHECK(targets.reached(200) == 5);
  CHECK(targets.is_behind(199));
  CHECK_FALSE(targets.is_behind(200));
  targets.add(8, 200);  // nothing was written meanwhile
  CHECK(targets.reached(200) == 8);
  CHECK(targets.reached(199) == 3);
  targets.clear();
  CHECK(targets.reached(200) == 0);
}

TEST_CASE("old positions are forgotten, late ones kept") {
  PositionTargets targets;
  for (std::uint64_t i = 1; i <= PositionTargets::kMost + 10; ++i) targets.add(i, 100 * i);
  CHECK(targets.reached(100 * 10) == 0);
  CHECK(targets.reached(100 * 11) == 11);
  CHECK(targets.reached(100'000) == PositionTargets::kMost + 10);
}
