// PasswordWorkshop: the threads that ask PAM and directories about passwords, so that a slow one
// delays nobody but the logins that depend on it. Workers order, the answer is a
// worker::PasswordJudged in their mail. Each login has one order under way at most; one whose login
// is gone is not asked about.
//
// A module of PAM may take as long as it likes: `stop` does not wait for it, and what it says then
// reaches nobody. False: there is one that goes on.
#pragma once

#include <memory>
#include <mutex>

#include "control/workshop.h"
#include "pgsaba/worker/mail.h"

namespace pgsaba::control {

class PasswordWorkshop final : public worker::PasswordJudge {
 public:
  // Why the password is not right, for the log; empty if it is. Called on one of the threads.
  using Judge = std::function<std::string(const auth::PasswordCheck&)>;
  // Called on one of the threads, and not after `stop`.
  using Answer = std::function<void(std::size_t worker, worker::PasswordJudged letter)>;

  PasswordWorkshop(Judge judge, Answer answer);
  ~PasswordWorkshop() override { stop(); }

  void start() { workshop_.start(kThreads); }
  bool stop();

  // worker::PasswordJudge
  void check_password(std::size_t worker, std::uint32_t client, auth::PasswordCheck check,
                      std::weak_ptr<const bool> wanted) override {
    workshop_.take({worker, client, std::move(check), std::move(wanted)});
  }

 private:
  static constexpr std::size_t kThreads = 8;  // as many may wait for the network at a time
  struct Order {
    std::size_t worker = 0;
    std::uint32_t client = 0;
    auth::PasswordCheck check;
    std::weak_ptr<const bool> wanted;
  };
  // The way back, until it is closed.
  struct Door {
    std::mutex mutex;
    Answer answer;
  };

  static void work(const Judge& judge, Door& door, const Order& order);

  std::shared_ptr<Door> door_;
  Workshop<Order> workshop_;
};

}  // namespace pgsaba::control
