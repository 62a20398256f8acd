#include <pgsaba/auth/scram_key_desk.h>

#include <cassert>

namespace pgsaba::auth {
namespace {

// Enough to keep one thread busy from answer to next order.
constexpr std::size_t kMaxUnderWay = 4;

}  // namespace

struct PendingKeys {
  ScramKeyDesk::Order order = 0;
  ScramKeyCache::Id id{};
  ScramKeyRequest request;
  bool sent = false;
  IntrusiveList<ScramKeyWaiter, &ScramKeyWaiter::key_hook> waiters;

  std::pair<KeepKeys, ScramKeyDesk::Order> place() const { return {request.keep, order}; }
};

void ScramKeyWaiter::stop_waiting_for_keys() {
  if (waits_for_keys()) desk_->leave(*this);
}

ScramKeyDesk::ScramKeyDesk(Send send) : send_(std::move(send)) {}

ScramKeyDesk::~ScramKeyDesk() {
  for (const auto& [order, pending] : pending_)
    while (!pending->waiters.empty()) pending->waiters.pop_front().pending_ = nullptr;
}

std::optional<ScramKeys> ScramKeyDesk::ask(const ScramKeyRequest& request, ScramKeyWaiter& waiter) {
  assert(!waiter.waits_for_keys());
  if (const ScramKeys* known = cache_.find(request)) return *known;
  if (!send_) {
    const ScramKeys keys = derive_keys(request);
    cache_.insert(request, keys);
    return keys;
  }
  const ScramKeyCache::Id id = cache_.id_of(request);
  PendingKeys*& pending = by_id_[id];
  if (pending == nullptr) {
    const Order order = ++last_order_;
    auto made = std::make_unique<PendingKeys>();
    pending = made.get();
    pending->order = order;
    pending->id = id;
    pending->request = request;
    pending_.emplace(order, std::move(made));
    queue_.insert(pending->place());
  }
  waiter.desk_ = this;
  waiter.pending_ = pending;
  pending->waiters.push_back(waiter);
  send_next();
  return std::nullopt;
}

void ScramKeyDesk::send_next() {
  while (under_way_ < kMaxUnderWay && !queue_.empty()) {
    const Order order = queue_.begin()->second;
    queue_.erase(queue_.begin());
    PendingKeys& pending = *pending_.find(order)->second;
    pending.sent = true;
    ++under_way_;
    send_(order, pending.request);
  }
}

// A waiter may leave, make others leave, or ask anew when it hears of its keys.
void ScramKeyDesk::deliver(Order order, const ScramKeys& keys) {
  auto node = pending_.extract(order);
  assert(!node.empty());
  const std::unique_ptr<PendingKeys> pending = std::move(node.mapped());
  by_id_.erase(pending->id);
  --under_way_;
  cache_.insert(pending->request, keys);
  while (!pending->waiters.empty()) {
    ScramKeyWaiter& waiter = pending->waiters.pop_front();
    waiter.pending_ = nullptr;
    waiter.keys_derived(keys);
  }
  send_next();
}

// What nobody wants any more is not ordered; what is under way may still serve the next one.
void ScramKeyDesk::leave(ScramKeyWaiter& waiter) {
  PendingKeys& pending = *std::exchange(waiter.pending_, nullptr);
  pending.waiters.remove(waiter);
  if (pending.sent || !pending.waiters.empty()) return;
  queue_.erase(pending.place());
  by_id_.erase(pending.id);
  pending_.erase(pending.order);
}

}  // namespace pgsaba::auth
