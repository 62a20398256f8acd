// ServiceManager: tells who started the process (systemd) how it is doing, by the protocol of
// sd_notify(3): one datagram per message to the socket that $NOTIFY_SOCKET names. Without that
// variable nobody is told anything. The watchdog is told that all is well only while all workers
// answer. Control thread.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pgsaba/base/clock.h"
#include "pgsaba/net/control_loop.h"

namespace pgsaba::control {

class ServiceManager {
 public:
  // Calls back once the workers have answered; not at all if they do not.
  using AskWorkers = std::function<void(std::function<void()> alive)>;

  // Takes the variables out of the environment: programs that we start are not the service.
  explicit ServiceManager(net::ControlLoop& loop);

  void ready(std::string_view status);
  void reloading();
  void stopping(std::string_view status);
  // Another process is the service from now on: this one says nothing more.
  void hand_over(std::uint64_t process);
  // It is this one again.
  void take_back();
  // For a program that takes over: it may tell, too.
  std::vector<std::string> environment() const;
  // From now on, if the manager wants to know.
  void keep_watchdog_quiet(AskWorkers ask);

 private:
  void tell(const std::string& state) const;

  net::ControlLoop& loop_;
  std::string socket_;
  bool silent_ = false;
  Micros watchdog_us_ = 0;
  net::Watch watchdog_;
  std::string watchdog_given_;  // as it was in the environment
};

// How often a service with this environment has to say that it is alive: twice per WATCHDOG_USEC,
// if that was meant for the process `pid`. 0: never.
Micros watchdog_interval(const char* microseconds, const char* for_pid, int pid);

}  // namespace pgsaba::control
