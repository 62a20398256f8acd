#include "pgsaba/net/epoll_network.h"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "pgsaba/base/log.h"

namespace pgsaba::net {
namespace {

constexpr int kEventsPerWait = 512;

Error system_error(const char* what) {
  return Error{std::string(what) + ": " + std::strerror(errno)};
}

void set_option(Socket socket, int level, int name, int value) {
  ::setsockopt(socket, level, name, &value, sizeof value);
}

void apply_options(Socket socket, const SocketOptions& options) {
  set_option(socket, IPPROTO_TCP, TCP_NODELAY, 1);
  if (options.keepalive) set_option(socket, SOL_SOCKET, SO_KEEPALIVE, 1);
  if (options.keepalive_idle_s > 0)
    set_option(socket, IPPROTO_TCP, TCP_KEEPIDLE, options.keepalive_idle_s);
  if (options.keepalive_interval_s > 0)
    set_option(socket, IPPROTO_TCP, TCP_KEEPINTVL, options.keepalive_interval_s);
  if (options.keepalive_count > 0)
    set_option(socket, IPPROTO_TCP, TCP_KEEPCNT, options.keepalive_count);
  if (options.user_timeout_ms > 0)
    set_option(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, options.user_timeout_ms);
}

IoResult failed(int error) {
  if (error == EAGAIN || error == EWOULDBLOCK || error == EINTR)
    return {IoResult::Kind::kWouldBlock, 0, 0};
  return {IoResult::Kind::kFailed, 0, error};
}

// A socket file that a dead process left behind may be replaced; a living one may not.
bool unix_path_answers(const sockaddr_storage& where, socklen_t length) {
  const int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (probe < 0) return false;
  const bool answers =
      ::connect(probe, reinterpret_cast<const sockaddr*>(&where), length) == 0 || errno == EAGAIN;
  ::close(probe);
  return answers;
}

}  // namespace

Result<EpollNetwork::Descriptors> EpollNetwork::open_descriptors() {
  const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
  if (epoll < 0) return system_error("epoll_create1");
  const int event = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (event < 0) {
    Error error = system_error("eventfd");
    ::close(epoll);
    return error;
  }
  epoll_event interest{};
  interest.events = EPOLLIN | EPOLLET;
  interest.data.ptr = nullptr;
  ::epoll_ctl(epoll, EPOLL_CTL_ADD, event, &interest);
  return Descriptors{epoll, event, ::open("/dev/null", O_RDONLY | O_CLOEXEC)};
}

Result<std::unique_ptr<EpollNetwork>> EpollNetwork::create() {
  const Result<Descriptors> descriptors = open_descriptors();
  if (!descriptors) return descriptors.error();
  return std::unique_ptr<EpollNetwork>(new EpollNetwork(*descriptors));
}

EpollNetwork::~EpollNetwork() {
  ::close(descriptors_.spare);
  ::close(descriptors_.event);
  ::close(descriptors_.epoll);
}

IoResult EpollNetwork::receive(Socket socket, std::span<std::uint8_t> into) {
  const ssize_t count = ::recv(socket, into.data(), into.size(), 0);
  if (count > 0) return {IoResult::Kind::kDone, static_cast<std::size_t>(count), 0};
  if (count == 0) return {IoResult::Kind::kEnd, 0, 0};
  return failed(errno);
}

IoResult EpollNetwork::send(Socket socket, Bytes first, Bytes second) {
  ssize_t count = 0;
  if (second.empty()) {
    count = ::send(socket, first.data(), first.size(), MSG_NOSIGNAL);
  } else {
    std::array<iovec, 2> parts = {iovec{const_cast<std::uint8_t*>(first.data()), first.size()},
                                  iovec{const_cast<std::uint8_t*>(second.data()), second.size()}};
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = parts.size();
    count = ::sendmsg(socket, &message, MSG_NOSIGNAL);
  }
  if (count >= 0) return {IoResult::Kind::kDone, static_cast<std::size_t>(count), 0};
  return failed(errno);
}

Result<Socket> EpollNetwork::connect(const Address& address, const SocketOptions& options) {
  sockaddr_storage where{};
  const socklen_t length = address.to_sockaddr(where);
  const Socket socket = ::socket(where.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (socket < 0) return system_error("socket");
  if (!address.is_unix()) apply_options(socket, options);
  if (::connect(socket, reinterpret_cast<const sockaddr*>(&where), length) == 0 ||
      errno == EINPROGRESS)
    return socket;
  Error error = system_error("connect");
  ::close(socket);
  return error;
}

void EpollNetwork::add(Socket socket, std::uint32_t interest, void* tag) {
  epoll_event event{};
  event.events = interest;
  event.data.ptr = tag;
  ::epoll_ctl(descriptors_.epoll, EPOLL_CTL_ADD, socket, &event);
}

void EpollNetwork::watch(Socket socket, Pollable& owner) { add(socket, kStream, &owner); }

void EpollNetwork::watch_listener(Socket socket, Pollable& owner) {
  add(socket, kListener, &owner);
}

void EpollNetwork::unwatch(Socket socket) {
  ::epoll_ctl(descriptors_.epoll, EPOLL_CTL_DEL, socket, nullptr);
}

Socket EpollNetwork::accept(Socket listener, const SocketOptions& options) {
  sockaddr_storage peer{};
  socklen_t length = sizeof peer;
  const int socket = ::accept4(listener, reinterpret_cast<sockaddr*>(&peer), &length,
                               SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (socket < 0) {
    if (errno == EMFILE || errno == ENFILE) turn_away(listener);
    return kNoSocket;
  }
  if (peer.ss_family != AF_UNIX) apply_options(socket, options);
  return socket;
}

// Without a descriptor a client could neither be served nor refused: it would stay in the
// listener's queue, and the listener ready, for ever.
void EpollNetwork::turn_away(Socket listener) {
  ::close(descriptors_.spare);
  const int socket = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (socket >= 0) ::close(socket);
  descriptors_.spare = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  log::error("no file descriptor is left: a client was turned away; raise LimitNOFILE");
}

// The kernel forgets a socket by itself only once nobody has it open: another process may have a
// copy, be it for the moment between fork and exec.
void EpollNetwork::close(Socket socket) {
  unwatch(socket);
  ::close(socket);
}

Socket EpollNetwork::duplicate(Socket socket) {
  const int copy = ::fcntl(socket, F_DUPFD_CLOEXEC, 0);
  return copy < 0 ? kNoSocket : copy;
}

Address EpollNetwork::peer_address(Socket socket) {
  sockaddr_storage where{};
  socklen_t length = sizeof where;
  if (::getpeername(socket, reinterpret_cast<sockaddr*>(&where), &length) != 0) return {};
  return Address::from_sockaddr(reinterpret_cast<sockaddr*>(&where), length);
}

Address EpollNetwork::local_address(Socket socket) {
  sockaddr_storage where{};
  socklen_t length = sizeof where;
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&where), &length) != 0) return {};
  return Address::from_sockaddr(reinterpret_cast<sockaddr*>(&where), length);
}

std::optional<uid_t> EpollNetwork::peer_user(Socket socket) {
  if (!peer_address(socket).is_unix()) return std::nullopt;
  ucred peer{};
  socklen_t length = sizeof peer;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) return std::nullopt;
  return peer.uid;
}

void EpollNetwork::wait(Micros timeout_us) {
  std::array<epoll_event, kEventsPerWait> events;
  const auto timeout_ms =
      static_cast<int>(timeout_us <= 0 ? 0 : (timeout_us + kMillisecond - 1) / kMillisecond);
  const int count = ::epoll_wait(descriptors_.epoll, events.data(), kEventsPerWait, timeout_ms);
  if (count <= 0) return;
  const auto end =
      std::remove_if(events.begin(), events.begin() + count,
                     [](const epoll_event& event) { return event.data.ptr == nullptr; });
  if (end != events.begin() + count) {
    std::uint64_t ignored = 0;
    [[maybe_unused]] const ssize_t drained = ::read(descriptors_.event, &ignored, sizeof ignored);
  }
  report({events.begin(), end});
}

void EpollNetwork::report(std::span<const epoll_event> events) {
  for (const epoll_event& event : events)
    tell(*static_cast<Pollable*>(event.data.ptr), event.events);
}

void EpollNetwork::tell(Pollable& owner, std::uint32_t bits) {
  owner.ready({(bits & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0,
               (bits & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0,
               (bits & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0,
               (bits & (EPOLLHUP | EPOLLERR)) != 0});
}

void EpollNetwork::wake() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(descriptors_.event, &one, sizeof one);
}

static const char* why_not_listening(int error) {
  switch (error) {
    case EADDRINUSE:
      return "Is another pgsaba or PgBouncer running on this address?";
    case EADDRNOTAVAIL:
      return "No interface of this machine has this address.";
    case ENOENT:
    case ENOTDIR:
      return "The directory of the socket has to exist.";
    case EACCES:
      return "The user that starts pgsaba may not do that; ports below 1024 take a capability.";
    default:
      return "";
  }
}

Result<Socket> listen_on(const Address& address, int backlog, bool shared) {
  sockaddr_storage where{};
  const socklen_t length = address.to_sockaddr(where);
  const Socket socket = ::socket(where.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (socket < 0) return system_error("socket");
  set_option(socket, SOL_SOCKET, SO_REUSEADDR, 1);
  if (shared && !address.is_unix()) set_option(socket, SOL_SOCKET, SO_REUSEPORT, 1);
  if (where.ss_family == AF_INET6) set_option(socket, IPPROTO_IPV6, IPV6_V6ONLY, 1);
  const bool file = address.is_unix() && address.host().front() != '@';
  if (file && !unix_path_answers(where, length)) ::unlink(address.host().c_str());
  if (::bind(socket, reinterpret_cast<const sockaddr*>(&where), length) != 0 ||
      ::listen(socket, backlog) != 0) {
    const int problem = errno;
    Error error{address.to_string() + ": cannot listen: " + std::strerror(problem),
                why_not_listening(problem)};
    ::close(socket);
    return error;
  }
  return socket;
}

}  // namespace pgsaba::net
