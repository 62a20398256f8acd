// LagHistory: how long ago the primary passed a position, from positions seen earlier. A standby's
// lag in time comes from here and never from the standby's own clock, which says nothing while the
// primary is idle.
// One thread (the monitor's). Positions are bytes, times microseconds of the monotonic clock.
// Precision: the probe interval.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>

#include "pgsaba/base/clock.h"

namespace pgsaba::control {

class LagHistory {
 public:
  static constexpr std::size_t kMaxSamples = 600;  // 10 minutes at one probe per second

  // The primary's insert position at `now`. A smaller one than before starts anew (another
  // primary).
  void record(Micros now, std::uint64_t lsn);
  void clear() { samples_.clear(); }

  // None: no position of the primary is known.
  std::optional<std::uint64_t> bytes_behind(std::uint64_t replayed_lsn) const;
  // At most: since the oldest sample, for a standby that is behind all of them.
  std::optional<Micros> time_behind(Micros now, std::uint64_t replayed_lsn) const;

 private:
  struct Sample {
    Micros at;  // when this position was first seen
    std::uint64_t lsn;
  };
  std::deque<Sample> samples_;  // both rising
};

}  // namespace pgsaba::control
