// A PostgreSQL back end that answers at once and does nothing, so that whatever stands in front of
// it is the bottleneck. One thread, level-triggered epoll, one read per wake-up.
//
// Besides ordinary statements it knows `SELECT rows N bytes M` and `COPY rows N bytes M`.
// --login-delay-ms imitates a server that needs time to fork and to authenticate.
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <unordered_map>
#include <vector>

#include "null_session.h"
#include "options.h"
#include "sockets.h"

namespace {

using Clock = std::chrono::steady_clock;

class NullServer {
 public:
  explicit NullServer(std::chrono::milliseconds login_delay)
      : login_delay_(login_delay),
        epoll_(epoll_create1(EPOLL_CLOEXEC)),
        block_(std::size_t{64} << 10U) {
    if (epoll_ < 0) bench::die("epoll_create1");
  }

  void listen_to(int fd) {
    watch(EPOLL_CTL_ADD, fd, EPOLLIN);
    listeners_.push_back(fd);
  }

  [[noreturn]] void run() {
    std::array<epoll_event, 512> events{};
    for (;;) {
      const int count =
          epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), timeout_ms());
      for (int i = 0; i < count; ++i) dispatch(events.at(static_cast<std::size_t>(i)));
      finish_logins();
    }
  }

 private:
  struct Login {
    Clock::time_point due;
    int fd;
  };

  void watch(int operation, int fd, std::uint32_t interest) const {
    epoll_event event{};
    event.events = interest;
    event.data.fd = fd;
    if (epoll_ctl(epoll_, operation, fd, &event) != 0) bench::die("epoll_ctl");
  }

  [[nodiscard]] int timeout_ms() const {
    if (logins_.empty()) return -1;
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(logins_.front().due - Clock::now());
    return std::max(0, static_cast<int>(left.count()));
  }

  void dispatch(const epoll_event& event) {
    const int fd = event.data.fd;
    if (std::find(listeners_.begin(), listeners_.end(), fd) != listeners_.end())
      return accept_from(fd);
    const auto found = sessions_.find(fd);
    if (found == sessions_.end()) return;
    const bool had_output = found->second->has_output();
    if (!step(*found->second, event.events)) return close_session(fd);
    const bool has_output = found->second->has_output();
    if (had_output != has_output)
      watch(EPOLL_CTL_MOD, fd, has_output ? EPOLLIN | EPOLLOUT : EPOLLIN);
  }

  bool step(bench::NullSession& session, std::uint32_t events) {
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) {
      const long size = bench::receive(session.fd(), block_.data(), block_.size());
      if (size == 0) return false;
      const bool waited = session.login_waits();
      if (size > 0 && !session.consume({block_.data(), static_cast<std::size_t>(size)}))
        return false;
      if (!waited && session.login_waits())
        logins_.push_back({Clock::now() + login_delay_, session.fd()});
    }
    return session.flush();
  }

  void accept_from(int listener) {
    const int fd = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    bench::send_at_once(fd);
    sessions_[fd] = std::make_unique<bench::NullSession>(fd, login_delay_.count() > 0, messages_);
    watch(EPOLL_CTL_ADD, fd, EPOLLIN);
  }

  void finish_logins() {
    while (!logins_.empty() && logins_.front().due <= Clock::now()) {
      const auto found = sessions_.find(logins_.front().fd);
      logins_.pop_front();
      if (found == sessions_.end() || !found->second->login_waits()) continue;
      found->second->finish_login();
      if (!found->second->flush()) close_session(found->first);
    }
  }

  void close_session(int fd) {
    sessions_.erase(fd);
    close(fd);
  }

  std::chrono::milliseconds login_delay_;
  int epoll_;
  std::vector<char> block_;
  std::vector<int> listeners_;
  std::unordered_map<int, std::unique_ptr<bench::NullSession>> sessions_;
  std::uint64_t messages_ = 0;
  std::deque<Login> logins_;  // in the order of their time, since all wait equally long
};

}  // namespace

int main(int argc, char** argv) {
  const bench::Options options(
      {argv, static_cast<std::size_t>(argc)},
      {{"port", "54320"}, {"cpu", "-1"}, {"unix", ""}, {"login-delay-ms", "0"}});
  bench::pin_to_cpu(options.integer("cpu"));
  bench::raise_file_limit();
  NullServer server(std::chrono::milliseconds(options.integer("login-delay-ms")));
  server.listen_to(bench::listen_on_loopback(options.integer("port")));
  const std::string& directory = options.text("unix");
  if (!directory.empty())
    server.listen_to(bench::listen_on_unix(directory, options.integer("port")));
  server.run();
}
