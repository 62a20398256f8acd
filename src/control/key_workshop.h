// KeyWorkshop: the thread that derives SCRAM keys, so that 4,096 rounds of hashing never delay a
// query. Workers order, the answer is a worker::KeysDerived in their mail. One thread and a lower
// priority: where a storm of logins and queries compete for a core, the queries win.
// Built before the first worker starts. `stop` before the workers' mailboxes go, the workshop
// itself after the workers. The queue is bounded by what each worker's ScramKeyDesk has under way.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "pgsaba/worker/mail.h"

namespace pgsaba::control {

class KeyWorkshop final : public worker::KeyMaker {
 public:
  // `answer` is called on the workshop's thread.
  using Answer = std::function<void(std::size_t worker, worker::KeysDerived letter)>;

  explicit KeyWorkshop(Answer answer) : answer_(std::move(answer)) {}
  ~KeyWorkshop() override { stop(); }

  void start();
  // Drops what is ordered, now and from now on.
  void stop();

  // worker::KeyMaker
  void order_keys(std::size_t worker, std::uint64_t order,
                  const auth::ScramKeyRequest& request) override;

 private:
  struct Order {
    std::size_t worker = 0;
    std::uint64_t number = 0;
    auth::ScramKeyRequest request;
  };

  void run();

  Answer answer_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Order> orders_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace pgsaba::control
