#include "control/lag_history.h"

#include <doctest/doctest.h>

using namespace pgsaba;
using pgsaba::control::LagHistory;

TEST_CASE("lag is measured against positions seen before") {
  LagHistory history;
  CHECK_FALSE(history.bytes_behind(5));
  CHECK_FALSE(history.time_behind(0, 5));
  history.record(1 * kSecond, 1'000);
  history.record(2 * kSecond, 2'000);
  history.record(3 * kSecond, 2'000);  // idle: the position is as old as its first sight
  history.record(4 * kSecond, 3'000);

  CHECK(history.bytes_behind(3'000) == 0U);
  CHECK(history.bytes_behind(3'500) == 0U);  // asked later than the primary
  CHECK(history.bytes_behind(1'500) == 1'500U);
  CHECK(history.time_behind(5 * kSecond, 3'000) == 0);
  CHECK(history.time_behind(5 * kSecond, 2'500) == 1 * kSecond);
  CHECK(history.time_behind(5 * kSecond, 1'999) == 3 * kSecond);
  CHECK(history.time_behind(5 * kSecond, 0) == 4 * kSecond);
}

TEST_CASE("a position just behind a page header counts as the one before it") {
  LagHistory history;
  constexpr std::uint64_t kPageStart = 24'576;
  history.record(1, kPageStart + 24);
  CHECK(history.bytes_behind(kPageStart) == 0U);
  constexpr std::uint64_t kSegmentStart = 16'777'216;
  history.record(2, kSegmentStart + 40);
  CHECK(history.bytes_behind(kSegmentStart) == 0U);
}

TEST_CASE("a position that went back belongs to another primary") {
  LagHistory history;
  history.record(1 * kSecond, 5'000);
  history.record(2 * kSecond, 4'000);
  CHECK(history.bytes_behind(4'000) == 0U);
  CHECK(history.time_behind(9 * kSecond, 3'000) == 7 * kSecond);
}

TEST_CASE("the history is bounded") {
  LagHistory history;
  for (std::size_t sample = 1; sample <= 2 * LagHistory::kMaxSamples; ++sample) {
    history.record(static_cast<Micros>(sample), sample * 10'000);
  }
  CHECK(history.time_behind(2'000, 0) == 2'000 - static_cast<Micros>(LagHistory::kMaxSamples) - 1);
}
