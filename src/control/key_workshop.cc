#include "control/key_workshop.h"

#include <sys/resource.h>

#include <csignal>

namespace pgsaba::control {
namespace {

constexpr int kNiceness = 10;

}  // namespace

void KeyWorkshop::start() {
  thread_ = std::thread([this] { run(); });
  ::pthread_setname_np(thread_.native_handle(), "keys");
}

void KeyWorkshop::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    orders_.clear();
  }
  changed_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void KeyWorkshop::order_keys(std::size_t worker, std::uint64_t order,
                             const auth::ScramKeyRequest& request) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return;
    orders_.push_back({worker, order, request});
  }
  changed_.notify_one();
}

void KeyWorkshop::run() {
  sigset_t all;  // signals are the control thread's business
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, nullptr);
  ::setpriority(PRIO_PROCESS, 0, kNiceness);  // of this thread alone, on Linux
  for (std::unique_lock lock(mutex_);;) {
    changed_.wait(lock, [this] { return stopping_ || !orders_.empty(); });
    if (stopping_) return;
    const Order order = std::move(orders_.front());
    orders_.pop_front();
    lock.unlock();
    answer_(order.worker, {order.number, auth::derive_keys(order.request)});
    lock.lock();
  }
}

}  // namespace pgsaba::control
