// SlotCounter: how many of something are held, in the whole process, against a limit that may
// differ from call to call. Any thread.
#pragma once

#include <atomic>
#include <cstdint>

namespace pgsaba::pool {

class SlotCounter {
 public:
  bool take(std::int32_t limit) {  // 0: none
    std::int32_t held = held_.load(std::memory_order_relaxed);
    do {
      if (limit > 0 && held >= limit) return false;
    } while (!held_.compare_exchange_weak(held, held + 1, std::memory_order_relaxed));
    return true;
  }
  void give() { held_.fetch_sub(1, std::memory_order_relaxed); }
  std::int32_t held() const { return held_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::int32_t> held_{0};
};

}  // namespace pgsaba::pool
