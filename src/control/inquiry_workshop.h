// InquiryWorkshop: the threads that ask the system what logins have to know, so that a slow name
// server delays nobody but the login that depends on it. Workers order, the answer is a
// worker::InquiryAnswered in their mail. Each login has one under way at most. Lives as its
// Workshop does.
#pragma once

#include "control/workshop.h"
#include "pgsaba/worker/mail.h"

namespace pgsaba::control {

class InquiryWorkshop final : public worker::Inquirer {
 public:
  // `answer` is called on one of the workshop's threads.
  using Answer = std::function<void(std::size_t worker, worker::InquiryAnswered letter)>;

  explicit InquiryWorkshop(Answer answer)
      : workshop_("inquiries", [answer = std::move(answer)](const Order& order) {
          answer(order.worker, {order.client, auth::answer(order.inquiry)});
        }) {}

  void start() { workshop_.start(kThreads); }
  void stop() { workshop_.stop(); }

  // worker::Inquirer
  void inquire(std::size_t worker, std::uint32_t client, const auth::Inquiry& inquiry) override {
    workshop_.take({worker, client, inquiry});
  }

 private:
  static constexpr std::size_t kThreads = 4;  // as many may wait for the network at a time
  struct Order {
    std::size_t worker = 0;
    std::uint32_t client = 0;
    auth::Inquiry inquiry;
  };

  Workshop<Order> workshop_;
};

}  // namespace pgsaba::control
