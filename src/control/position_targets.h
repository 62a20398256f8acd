// PositionTargets: the positions of the primary that were looked at, by epoch: what a standby that
// has replayed so far is fresh for. Pure; one thread. Positions are bytes of WAL.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>

#include "pgsaba/routing/causal_clock.h"

namespace pgsaba::control {

// An insert position may stand directly behind the header of a page on which nothing has been
// written yet: no record ends there, so that a standby does not come to it until something else is
// written. What it has replayed then is the end of the page before. Source: PostgreSQL's
// xlog_internal.h (SizeOfXLogShortPHD, SizeOfXLogLongPHD).
std::uint64_t reachable_position(std::uint64_t insert_lsn, std::uint64_t segment_bytes);

class PositionTargets {
 public:
  static constexpr std::size_t kMost = 64;  // the oldest are forgotten: later ones cover them

  // Both grow.
  void add(routing::Epoch epoch, std::uint64_t lsn);
  void clear() { targets_.clear(); }

  // The latest epoch whose position a standby has replayed; 0: none.
  routing::Epoch reached(std::uint64_t replayed_lsn) const;
  // There is one that it has not.
  bool is_behind(std::uint64_t replayed_lsn) const {
    return !targets_.empty() && replayed_lsn < targets_.back().lsn;
  }

 private:
  struct Target {
    routing::Epoch epoch;
    std::uint64_t lsn;
  };
  std::deque<Target> targets_;
};

}  // namespace pgsaba::control
