// ScramKeyDesk: where the logins of one thread get their keys. What the cache does not know is
// derived elsewhere, by whoever takes the desk's orders, and comes back through `deliver`; without
// one it is derived here and now (tests, the simulator). Equal wishes wait for one derivation.
//
// Bounded: only a few orders are under way at a time, the rest wait here, as long as the logins
// that want them are there. What servers' logins need goes before what clients' do, and that before
// the guesses of clients, so that a storm of logins does not keep servers from being opened.
//
// Owned by one thread; must outlive its waiters.
#pragma once

#include <pgsaba/auth/scram_key_cache.h>
#include <pgsaba/auth/scram_keys.h>
#include <pgsaba/base/intrusive_list.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>

namespace pgsaba::auth {

class ScramKeyDesk;
struct PendingKeys;

// A login that waits for keys, one at a time. Stops waiting when it is destroyed.
class ScramKeyWaiter {
 public:
  ScramKeyWaiter() = default;
  ScramKeyWaiter(const ScramKeyWaiter&) = delete;
  ScramKeyWaiter& operator=(const ScramKeyWaiter&) = delete;
  virtual ~ScramKeyWaiter() { stop_waiting_for_keys(); }

  bool waits_for_keys() const { return pending_ != nullptr; }
  void stop_waiting_for_keys();

  ListHook key_hook;

 protected:
  virtual void keys_derived(const ScramKeys& keys) = 0;

 private:
  friend class ScramKeyDesk;
  ScramKeyDesk* desk_ = nullptr;
  PendingKeys* pending_ = nullptr;
};

class ScramKeyDesk {
 public:
  using Order = std::uint64_t;
  // Takes an order; its answer is a later call of `deliver`, on the desk's thread.
  using Send = std::function<void(Order, const ScramKeyRequest&)>;

  explicit ScramKeyDesk(Send send = {});
  ~ScramKeyDesk();

  ScramKeyCache& cache() { return cache_; }
  // The keys, or nothing: then `waiter` gets them later.
  std::optional<ScramKeys> ask(const ScramKeyRequest& request, ScramKeyWaiter& waiter);
  void deliver(Order order, const ScramKeys& keys);

  // What has been ordered and not delivered, and what waits to be ordered.
  std::size_t under_way() const { return under_way_; }
  std::size_t waiting() const { return queue_.size(); }

 private:
  friend class ScramKeyWaiter;
  void leave(ScramKeyWaiter& waiter);
  void send_next();

  Send send_;
  ScramKeyCache cache_;
  std::map<Order, std::unique_ptr<PendingKeys>> pending_;
  std::map<ScramKeyCache::Id, PendingKeys*> by_id_;
  std::set<std::pair<KeepKeys, Order>> queue_;
  std::size_t under_way_ = 0;
  Order last_order_ = 0;
};

}  // namespace pgsaba::auth
