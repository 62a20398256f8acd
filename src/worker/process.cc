#include "pgsaba/worker/process.h"

namespace pgsaba::worker {

pool::SlotCounter& ClientCounters::find(Shelf& shelf, const std::string& name) {
  const std::lock_guard lock(mutex_);
  auto& counter = shelf[name];
  if (!counter) counter = std::make_unique<pool::SlotCounter>();
  return *counter;
}

bool LoginCounters::take(const std::string& address, std::int32_t limit) {
  const std::lock_guard lock(mutex_);
  std::int32_t& held = held_[address];
  if (held >= limit) return false;
  ++held;
  return true;
}

void LoginCounters::give(const std::string& address) {
  const std::lock_guard lock(mutex_);
  const auto found = held_.find(address);
  if (found != held_.end() && --found->second == 0) held_.erase(found);
}

}  // namespace pgsaba::worker
