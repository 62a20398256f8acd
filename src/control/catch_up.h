// CatchUp: how long a standby takes to show what the primary has written, by what was seen so far:
// whether a read should wait for it at all. Pure; one thread. Positions are bytes of WAL.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>

#include "pgsaba/base/clock.h"

namespace pgsaba::control {

class CatchUp {
 public:
  static constexpr std::size_t kMost = 64;  // positions that are remembered
  static constexpr std::size_t kTimes = 4;  // that all have to be long

  // The primary stood there. Both grow.
  void target(Micros now, std::uint64_t lsn);
  void replayed(Micros now, std::uint64_t lsn);
  void clear() { *this = CatchUp(); }

  // The shortest of the last times; one that is overdue counts when it is as long as several. So
  // one time that was long says nothing yet.
  Micros expected() const;

 private:
  struct Target {
    Micros at;
    std::uint64_t lsn;
  };
  std::deque<Target> targets_;  // not reached so far
  std::array<Micros, kTimes> took_{};
  std::size_t next_ = 0;  // of took_
  Micros heard_at_ = 0;
};

}  // namespace pgsaba::control
