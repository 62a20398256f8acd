#include "control/service_manager.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "pgsaba/base/log.h"

namespace pgsaba::control {
namespace {

std::string text_of(const char* variable) {
  const char* value = std::getenv(variable);
  return value == nullptr ? "" : value;
}

// An absolute path, or @name in the abstract name space. 0 is neither.
socklen_t fill(const std::string& from, sockaddr_un& to) {
  to.sun_family = AF_UNIX;
  if (from.size() < 2 || from.size() >= sizeof to.sun_path) return 0;
  if (from.front() != '/' && from.front() != '@') return 0;
  std::memcpy(to.sun_path, from.data(), from.size());
  if (from.front() == '@') to.sun_path[0] = '\0';
  return static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + from.size());
}

}  // namespace

Micros watchdog_interval(const char* microseconds, const char* for_pid, int pid) {
  if (microseconds == nullptr) return 0;
  if (for_pid != nullptr && std::atoi(for_pid) != pid) return 0;
  const Micros limit = std::strtoll(microseconds, nullptr, 10);
  return limit > 1 ? limit / 2 : 0;
}

ServiceManager::ServiceManager(net::ControlLoop& loop)
    : loop_(loop),
      socket_(text_of("NOTIFY_SOCKET")),
      watchdog_us_(watchdog_interval(std::getenv("WATCHDOG_USEC"), std::getenv("WATCHDOG_PID"),
                                     ::getpid())) {
  if (watchdog_us_ > 0) watchdog_given_ = text_of("WATCHDOG_USEC");
  for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) ::unsetenv(name);
}

void ServiceManager::ready(std::string_view status) {
  tell("READY=1\nSTATUS=" + std::string(status));
}

void ServiceManager::reloading() {
  tell("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(monotonic_now()) +
       "\nSTATUS=reading the configuration again");
}

void ServiceManager::stopping(std::string_view status) {
  tell("STOPPING=1\nSTATUS=" + std::string(status));
}

void ServiceManager::hand_over(std::uint64_t process) {
  tell("MAINPID=" + std::to_string(process));
  silent_ = true;
}

void ServiceManager::take_back() {
  silent_ = false;
  tell("MAINPID=" + std::to_string(::getpid()) + "\nREADY=1\nSTATUS=serving");
}

std::vector<std::string> ServiceManager::environment() const {
  std::vector<std::string> variables;
  if (!socket_.empty()) variables.push_back("NOTIFY_SOCKET=" + socket_);
  if (!watchdog_given_.empty()) variables.push_back("WATCHDOG_USEC=" + watchdog_given_);
  return variables;
}

void ServiceManager::keep_watchdog_quiet(AskWorkers ask) {
  if (watchdog_us_ == 0 || socket_.empty()) return;
  watchdog_ = loop_.every(watchdog_us_,
                          [this, ask = std::move(ask)] { ask([this] { tell("WATCHDOG=1"); }); });
}

// What cannot be told is logged and no reason to stop: the manager has time limits of its own.
void ServiceManager::tell(const std::string& state) const {
  if (socket_.empty() || silent_) return;
  sockaddr_un address{};
  const socklen_t size = fill(socket_, address);
  const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const bool told = fd >= 0 && size > 0 &&
                    ::sendto(fd, state.data(), state.size(), MSG_NOSIGNAL,
                             reinterpret_cast<const sockaddr*>(&address), size) >= 0;
  if (!told)
    log::warning("cannot tell the service manager ({}): {}", socket_,
                 size == 0 ? "no such address" : std::strerror(errno));
  if (fd >= 0) ::close(fd);
}

}  // namespace pgsaba::control
