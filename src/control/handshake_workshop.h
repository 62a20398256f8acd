// HandshakeWorkshop: the threads that compute TLS handshakes, so that no query waits for a
// signature. Workers order, the answer is a worker::HandshakeComputed in their mail. The queue is
// bounded by what each worker's HandshakeDesk has under way. Lives as its Workshop does.
#pragma once

#include "control/workshop.h"
#include "pgsaba/worker/mail.h"

namespace pgsaba::control {

class HandshakeWorkshop final : public worker::HandshakeMaker {
 public:
  // `answer` is called on one of the workshop's threads.
  using Answer = std::function<void(std::size_t worker, worker::HandshakeComputed letter)>;

  explicit HandshakeWorkshop(Answer answer)
      : workshop_("handshakes", [answer = std::move(answer)](Order order) {
          order.step.compute();
          answer(order.worker, {std::move(order.step)});
        }) {}

  void start(std::size_t threads) { workshop_.start(threads); }
  void stop() { workshop_.stop(); }

  // worker::HandshakeMaker
  void order_handshake(std::size_t worker, net::HandshakeStep step) override {
    workshop_.take({worker, std::move(step)});
  }

 private:
  struct Order {
    std::size_t worker = 0;
    net::HandshakeStep step;
  };

  Workshop<Order> workshop_;
};

}  // namespace pgsaba::control
