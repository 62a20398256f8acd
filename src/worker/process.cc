#include "pgsaba/worker/process.h"

namespace pgsaba::worker {

pool::SlotCounter& ClientCounters::find(Shelf& shelf, const std::string& name) {
  const std::lock_guard lock(mutex_);
  auto& counter = shelf[name];
  if (!counter) counter = std::make_unique<pool::SlotCounter>();
  return *counter;
}

}  // namespace pgsaba::worker
