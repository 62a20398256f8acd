// PinPlaces: how many clients of a pool may keep their servers between transactions, in the whole
// process. Two kinds are counted apart: pins that last as long as what they are for, and those of
// sequences, which end by themselves. The latter take what the former leave, and make room for
// them: whoever drew from a sequence keeps nobody else from having a pin.
// Touched when a client is pinned or let go, never per query. Any thread.
#pragma once

#include <cstdint>

#include "pgsaba/config/pool_settings.h"
#include "pgsaba/pool/slot_counter.h"

namespace pgsaba::pool {

struct PinLimits {
  std::int32_t usual = 0;  // whoever can wait waits beyond it; 0: none
  std::int32_t most = 0;   // for those that cannot; 0: none
};
// One server at least is left to everybody else.
PinLimits pin_limits(const config::PoolSettings& settings);

class PinPlaces {
 public:
  bool take(const PinLimits& limits) { return lasting_.take(limits.usual); }
  // For a client that cannot wait for one.
  bool overdraw(const PinLimits& limits) { return lasting_.take(limits.most); }
  void give() { lasting_.give(); }

  bool take_for_sequence(const PinLimits& limits);
  void give_of_sequence() { sequences_.give(); }
  // Pins of sequences have to go.
  bool crowded(const PinLimits& limits) const;

  std::int32_t lasting() const { return lasting_.held(); }

 private:
  SlotCounter lasting_;
  SlotCounter sequences_;
};

}  // namespace pgsaba::pool
