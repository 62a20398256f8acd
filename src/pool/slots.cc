#include "pgsaba/pool/slots.h"

namespace pgsaba::pool {
namespace {

template <class Shelf, class Key, class Make>
auto find_or_make(Shelf& shelf, const Key& key, Make make) {
  auto& place = shelf[key];
  auto held = place.lock();
  if (!held) {
    held = make();
    place = held;
  }
  return held;
}

template <class Shelf, class Key>
std::int32_t held(const Shelf& shelf, const Key& key) {
  const auto found = shelf.find(key);
  const auto counter = found == shelf.end() ? nullptr : found->second.lock();
  return counter ? counter->held() : 0;
}

}  // namespace

SlotRefusal SharedPool::take_slot(const SlotLimits& limits) {
  if (!servers.take(limits.pool)) return SlotRefusal::kPool;
  if (!database->take(limits.database)) {
    servers.give();
    return SlotRefusal::kDatabase;
  }
  if (!user->take(limits.user)) {
    servers.give();
    database->give();
    return SlotRefusal::kUser;
  }
  return SlotRefusal::kNone;
}

SlotRefusal SharedPool::full(const SlotLimits& limits) const {
  const auto reached = [](const SlotCounter& counter, std::int32_t limit) {
    return limit > 0 && counter.held() >= limit;
  };
  if (reached(servers, limits.pool)) return SlotRefusal::kPool;
  if (reached(*database, limits.database)) return SlotRefusal::kDatabase;
  return reached(*user, limits.user) ? SlotRefusal::kUser : SlotRefusal::kNone;
}

bool SharedPool::over(const SlotLimits& limits) const {
  const auto exceeds = [](const SlotCounter& counter, std::int32_t limit) {
    return limit > 0 && counter.held() > limit;
  };
  return exceeds(servers, limits.pool) || exceeds(*database, limits.database) ||
         exceeds(*user, limits.user);
}

void SharedPool::give_slot() {
  servers.give();
  database->give();
  user->give();
}

std::shared_ptr<SharedPool> SlotBook::pool(const PoolKey& key) {
  const std::lock_guard lock(mutex_);
  const auto counter = [] { return std::make_shared<SlotCounter>(); };
  return find_or_make(pools_, key, [&] {
    return std::make_shared<SharedPool>(find_or_make(databases_, key.database, counter),
                                        find_or_make(users_, key.user, counter));
  });
}

std::int32_t SlotBook::held_by_database(const std::string& database) const {
  const std::lock_guard lock(mutex_);
  return held(databases_, database);
}

std::int32_t SlotBook::held_by_user(const std::string& user) const {
  const std::lock_guard lock(mutex_);
  return held(users_, user);
}

}  // namespace pgsaba::pool
