// Slots: how many server connections the whole process may have, whichever workers hold them.
// SharedPool is the part of a pool that all workers see: its counters and who is short of servers.
// Touched when a server is opened or closed and when clients queue; never per query.
// Any thread.
#pragma once

#include <array>
#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "pgsaba/base/clock.h"
#include "pgsaba/pool/pin_places.h"
#include "pgsaba/pool/pool_key.h"
#include "pgsaba/pool/slot_counter.h"
#include "pgsaba/pool/welcomes.h"

namespace pgsaba::pool {

inline constexpr std::size_t kMaxWorkers = 64;

struct SlotLimits {
  std::int32_t pool = 0;  // 0: none
  std::int32_t database = 0;
  std::int32_t user = 0;
};

enum class SlotRefusal : std::uint8_t { kNone, kPool, kDatabase, kUser };

struct SharedPool {
  SharedPool(std::shared_ptr<SlotCounter> of_database, std::shared_ptr<SlotCounter> of_user)
      : database(std::move(of_database)), user(std::move(of_user)) {}

  SlotRefusal take_slot(const SlotLimits& limits);
  void give_slot();
  // Which limit leaves no room for another one.
  SlotRefusal full(const SlotLimits& limits) const;
  // More are taken than the limits allow, since these were lowered.
  bool over(const SlotLimits& limits) const;

  SlotCounter servers;
  PinPlaces pins;  // of these, kept by clients between transactions
  Welcomes welcomes;
  std::atomic<Micros> last_expired{0};       // a server was let go for its age; 0: none was
  std::atomic<Micros> sequences_read_at{0};  // by some client; 0: never
  std::shared_ptr<SlotCounter> database;
  std::shared_ptr<SlotCounter> user;
  // What a worker shows the others; a cache line each, so that showing disturbs nobody.
  struct alignas(64) Face {
    std::atomic<Micros> waiting_since{0};  // of its first waiting client; 0: nobody waits
    std::atomic<bool> has_idle{false};
    std::atomic<bool> serves{false};          // some server of its own is logged in
    std::atomic<Micros> pin_waited_since{0};  // the same of those that wait for a pin
  };
  std::atomic<std::int32_t> waiting_workers{0};
  std::array<Face, kMaxWorkers> faces;
};

class SlotBook {
 public:
  std::shared_ptr<SharedPool> pool(const PoolKey& key);
  std::int32_t held_by_database(const std::string& database) const;
  std::int32_t held_by_user(const std::string& user) const;

 private:
  template <class Key, class Value>
  using Shelf = std::map<Key, std::weak_ptr<Value>>;

  mutable std::mutex mutex_;
  Shelf<PoolKey, SharedPool> pools_;
  Shelf<std::string, SlotCounter> databases_;
  Shelf<std::string, SlotCounter> users_;
};

}  // namespace pgsaba::pool
