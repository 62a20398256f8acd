// Spill: the reads of a cluster that run on the primary though they were wished on standbys, since
// none is fit or shows what they have to see. One counter per cluster and process; any thread.
// SpillTicket: the place of one read among them; owned by one session.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

namespace pgsaba::routing {

struct Spill {
  std::atomic<std::int32_t> reads{0};
};

class SpillTicket {
 public:
  SpillTicket() = default;
  SpillTicket(const SpillTicket&) = delete;
  SpillTicket& operator=(const SpillTicket&) = delete;
  ~SpillTicket() { drop(); }

  explicit operator bool() const { return spill_ != nullptr; }
  // False: there are `most` already. 0: no limit, nothing is counted.
  bool take(const std::shared_ptr<Spill>& spill, std::int32_t most) {
    if (most <= 0 || spill_ != nullptr || spill == nullptr) return true;
    if (spill->reads.fetch_add(1, std::memory_order_relaxed) < most) {
      spill_ = spill;
      return true;
    }
    spill->reads.fetch_sub(1, std::memory_order_relaxed);
    return false;
  }
  // True: somebody else may have the place.
  bool drop() {
    if (spill_ == nullptr) return false;
    std::exchange(spill_, nullptr)->reads.fetch_sub(1, std::memory_order_relaxed);
    return true;
  }

 private:
  std::shared_ptr<Spill> spill_;
};

}  // namespace pgsaba::routing
