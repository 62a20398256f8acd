// PinCounts: how often clients of a database have kept a server, what for, for how long, and how
// many waited or were refused. Totals that only grow. Owned by the worker; one thread.
#pragma once

#include <array>
#include <cstdint>

#include "pgsaba/base/clock.h"
#include "pgsaba/session/pin.h"

namespace pgsaba::session {

struct PinCount {
  std::uint64_t taken = 0;
  std::uint64_t ended = 0;
  std::uint64_t kept_us = 0;  // of those that have ended
  std::uint64_t waited = 0;   // for leave to keep a server, and got it
  std::uint64_t wait_us = 0;
  std::uint64_t refused = 0;  // statements, and clients that were ended
  bool any() const { return taken + waited + refused > 0; }
};

class PinCounts {
 public:
  void taken(Pins pins);
  void ended(Pins pins, Micros kept);
  void waited(Pins pins, Micros wait);
  void refused(Pins pins);
  const PinCount& of(PinReason reason) const { return counts_[static_cast<std::size_t>(reason)]; }

 private:
  // Calls visit(count) for each of the reasons.
  template <class Visit>
  void for_each(Pins pins, Visit visit) {
    for (std::size_t i = 0; i < counts_.size(); ++i)
      if (pins.has(static_cast<PinReason>(i))) visit(counts_[i]);
  }

  std::array<PinCount, kPinReasons> counts_;
};

}  // namespace pgsaba::session
