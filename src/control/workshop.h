// Workshop: threads that do what would take a worker too long, order by order. A lower priority
// than the workers': where a storm of logins and queries compete for a core, the queries win.
// Orders come from any thread; `work` is called on the workshop's threads. Built before the first
// worker starts; `stop` before the workers' mailboxes go, the workshop itself after the workers.
#pragma once

#include <pthread.h>
#include <sys/resource.h>

#include <condition_variable>
#include <csignal>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace pgsaba::control {

template <class Order>
class Workshop {
 public:
  using Work = std::function<void(Order)>;

  // `name` is the threads', at most 15 bytes.
  Workshop(std::string name, Work work)
      : name_(std::move(name)), bench_(std::make_shared<Bench>(std::move(work))) {}
  ~Workshop() { stop(); }
  Workshop(const Workshop&) = delete;
  Workshop& operator=(const Workshop&) = delete;

  void start(std::size_t threads = 1) {
    while (threads_.size() < threads) {
      threads_.emplace_back([bench = bench_] { bench->run(); });
      ::pthread_setname_np(threads_.back().native_handle(), name_.c_str());
    }
  }

  // Drops what is ordered, now and from now on, and waits for what is being done.
  void stop() {
    bench_->close();
    for (std::thread& thread : threads_)
      if (thread.joinable()) thread.join();
  }

  // The same without waiting: for work that may take for ever, and must not touch anything of ours
  // afterwards. False: some is still being done, by threads of nobody's.
  bool leave() {
    if (bench_->close() == 0) {
      stop();
      return true;
    }
    for (std::thread& thread : threads_)
      if (thread.joinable()) thread.detach();
    return threads_.empty();
  }

  void take(Order order) { bench_->take(std::move(order)); }

 private:
  static constexpr int kNiceness = 10;

  // What the threads need: it lives as long as one of them.
  class Bench {
   public:
    explicit Bench(Work work) : work_(std::move(work)) {}

    void take(Order order) {
      {
        const std::lock_guard lock(mutex_);
        if (stopping_) return;
        orders_.push_back(std::move(order));
      }
      changed_.notify_one();
    }

    // How many orders are being worked at.
    std::size_t close() {
      std::deque<Order> dropped;
      std::size_t working = 0;
      {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
        dropped.swap(orders_);
        working = working_;
      }
      changed_.notify_all();
      return working;
    }

    void run() {
      sigset_t all;  // signals are the control thread's business
      ::sigfillset(&all);
      ::pthread_sigmask(SIG_SETMASK, &all, nullptr);
      ::setpriority(PRIO_PROCESS, 0, kNiceness);  // of this thread alone, on Linux
      for (std::unique_lock lock(mutex_);;) {
        changed_.wait(lock, [this] { return stopping_ || !orders_.empty(); });
        if (stopping_) return;
        Order order = std::move(orders_.front());
        orders_.pop_front();
        ++working_;
        lock.unlock();
        work_(std::move(order));
        lock.lock();
        --working_;
      }
    }

   private:
    Work work_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<Order> orders_;
    std::size_t working_ = 0;
    bool stopping_ = false;
  };

  std::string name_;
  std::shared_ptr<Bench> bench_;
  std::vector<std::thread> threads_;
};

}  // namespace pgsaba::control
