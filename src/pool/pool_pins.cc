// The part of Pool that counts who keeps a server between transactions, and lets wait who would.
#include "pgsaba/pool/pool.h"

namespace pgsaba::pool {

bool Pool::pin(Waiter& client) {
  client.holds_pin = client.holds_pin || shared_->pins.take(pin_limits());
  return client.holds_pin;
}

bool Pool::overdraw_pin(Waiter& client) {
  client.holds_pin = client.holds_pin || shared_->pins.overdraw(pin_limits());
  return client.holds_pin;
}

void Pool::keep_pinned(Waiter& client) {
  client.holds_pin = client.holds_pin || shared_->pins.take({});
}

// Waiters of other workers learn of it by their next tick: a pin is no matter of milliseconds.
void Pool::unpin(Waiter& client) {
  if (!std::exchange(client.holds_pin, false)) return;
  shared_->pins.give();
  if (!pin_waiters_.empty()) host_.needs_match(*this);
}

bool Pool::pin_queues_are_empty() const {
  for (const SharedPool::Face& face : shared_->faces)
    if (face.pin_waited_since.load(std::memory_order_relaxed) != 0) return false;
  return true;
}

// First come, first served, over all workers.
bool Pool::first_to_be_pinned() {
  const Micros own = pin_waiters_.front().waiting_since;
  for (std::size_t worker = 0; worker < kMaxWorkers; ++worker) {
    if (worker == host_.worker_index()) continue;
    const Micros since = shared_->faces[worker].pin_waited_since.load(std::memory_order_relaxed);
    if (since != 0 && since < own) return false;
  }
  return true;
}

// Whoever has its place waits for a server now, with the time that it has waited already.
void Pool::grant_pins() {
  while (!pin_waiters_.empty() && first_to_be_pinned()) {
    Waiter& waiter = pin_waiters_.front();
    if (!shared_->pins.take(pin_limits())) return;
    pin_waiters_.remove(waiter);
    waiter.holds_pin = true;
    const bool oldest = waiters_.empty() || waiter.waiting_since < waiters_.front().waiting_since;
    oldest ? waiters_.push_front(waiter) : waiters_.push_back(waiter);
    publish();
  }
}

}  // namespace pgsaba::pool
