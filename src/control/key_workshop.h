// KeyWorkshop: the thread that derives SCRAM keys, so that 4,096 rounds of hashing never delay a
// query. Workers order, the answer is a worker::KeysDerived in their mail. The queue is bounded by
// what each worker's ScramKeyDesk has under way. Lives as its Workshop does.
#pragma once

#include "control/workshop.h"
#include "pgsaba/worker/mail.h"

namespace pgsaba::control {

class KeyWorkshop final : public worker::KeyMaker {
 public:
  // `answer` is called on the workshop's thread.
  using Answer = std::function<void(std::size_t worker, worker::KeysDerived letter)>;

  explicit KeyWorkshop(Answer answer)
      : workshop_("keys", [answer = std::move(answer)](const Order& order) {
          answer(order.worker, {order.number, auth::derive_keys(order.request)});
        }) {}

  void start() { workshop_.start(); }
  void stop() { workshop_.stop(); }

  // worker::KeyMaker
  void order_keys(std::size_t worker, std::uint64_t order,
                  const auth::ScramKeyRequest& request) override {
    workshop_.take({worker, order, request});
  }

 private:
  struct Order {
    std::size_t worker = 0;
    std::uint64_t number = 0;
    auth::ScramKeyRequest request;
  };

  Workshop<Order> workshop_;
};

}  // namespace pgsaba::control
