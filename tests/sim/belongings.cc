#include "sim/belongings.h"

#include <utility>

namespace pgsaba::sim {

bool Belongings::unlock(const std::string& key) {
  const auto found = locks_.find(key);
  if (found == locks_.end()) return false;
  if (--found->second == 0) locks_.erase(found);
  return true;
}

void Belongings::unlisten(const std::string& channel) {
  if (channel == "*") {
    now_.channels.clear();
  } else {
    now_.channels.erase(channel);
  }
}

std::vector<Notification> Belongings::commit() {
  std::vector<Notification> notified = std::exchange(now_.notifies, {});
  kept_ = now_;
  return notified;
}

void Belongings::discard() {
  now_.tables.clear();
  now_.channels.clear();
  locks_.clear();
}

}  // namespace pgsaba::sim
