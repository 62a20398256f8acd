#include "control/takeover_channel.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "pgsaba/base/log.h"

namespace pgsaba::control {
namespace {

constexpr std::size_t kMostBytes = 65'536;  // of a message
constexpr int kMostAtOnce = 64;             // messages, before the loop does something else

// Room for one socket, aligned as the kernel wants it.
union ControlRoom {
  cmsghdr aligned;
  std::array<char, CMSG_SPACE(sizeof(int))> bytes;
};

net::Socket socket_in(msghdr& message) {
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr;
       part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    int socket = net::kNoSocket;
    std::memcpy(&socket, CMSG_DATA(part), sizeof socket);
    return socket;
  }
  return net::kNoSocket;
}

}  // namespace

TakeoverChannel::~TakeoverChannel() {
  watch_.reset();
  for (const auto& [bytes, socket] : queue_)
    if (socket != net::kNoSocket) ::close(socket);
  ::close(end_);
}

TakeoverChannel::Outcome TakeoverChannel::receive_one(Received& received) {
  std::vector<char> room(kMostBytes);
  ControlRoom control{};
  iovec part{room.data(), room.size()};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control.bytes.data();
  header.msg_controllen = control.bytes.size();
  ssize_t count = ::recvmsg(end_, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  // Told once, in front of what the other side said last, if it has ended without reading ours.
  if (count < 0 && errno == ECONNRESET)
    count = ::recvmsg(end_, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return Outcome::kLater;
  if (count <= 0) return Outcome::kOver;
  received.socket = socket_in(header);
  auto message = unpack_message({room.data(), static_cast<std::size_t>(count)});
  if (!message) {
    log::error("taking over: {}", message.error().message);
    if (received.socket != net::kNoSocket) ::close(received.socket);
    return Outcome::kOver;
  }
  received.message = std::move(*message);
  return Outcome::kDone;
}

Result<TakeoverChannel::Received> TakeoverChannel::receive_now(Micros limit) {
  pollfd wanted{end_, POLLIN, 0};
  Received received;
  if (::poll(&wanted, 1, static_cast<int>(limit / kMillisecond)) != 1 ||
      receive_one(received) != Outcome::kDone)
    return Error{"the process to take over from says nothing"};
  return received;
}

Status TakeoverChannel::listen(Receive receive, Closed closed) {
  receive_ = std::move(receive);
  closed_ = std::move(closed);
  auto watch = loop_.watch_fd(end_, {.readable = true}, [this](net::Readiness) { receive_all(); });
  if (!watch) return watch.error();
  watch_ = std::move(*watch);
  return done();
}

void TakeoverChannel::receive_all() {
  const std::weak_ptr<const bool> alive = alive_;
  const Receive receive = receive_;
  for (int i = 0; i < kMostAtOnce && !alive.expired(); ++i) {
    Received received;
    const Outcome outcome = receive_one(received);
    if (outcome == Outcome::kLater) return;
    if (outcome == Outcome::kDone) {
      receive(std::move(received));
      continue;
    }
    watch_.reset();
    const Closed closed = closed_;
    return closed();
  }
}

TakeoverChannel::Outcome TakeoverChannel::send_one(const std::string& bytes,
                                                   net::Socket socket) const {
  ControlRoom control{};
  iovec part{const_cast<char*>(bytes.data()), bytes.size()};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  if (socket != net::kNoSocket) {
    header.msg_control = control.bytes.data();
    header.msg_controllen = control.bytes.size();
    cmsghdr* passed = CMSG_FIRSTHDR(&header);
    passed->cmsg_level = SOL_SOCKET;
    passed->cmsg_type = SCM_RIGHTS;
    passed->cmsg_len = CMSG_LEN(sizeof socket);
    std::memcpy(CMSG_DATA(passed), &socket, sizeof socket);
  }
  if (::sendmsg(end_, &header, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) return Outcome::kDone;
  // Too many sockets may be under way, too.
  const bool later = errno == EAGAIN || errno == EINTR || errno == ENOBUFS || errno == ETOOMANYREFS;
  return later ? Outcome::kLater : Outcome::kOver;
}

void TakeoverChannel::send(const TakeoverMessage& message, net::Socket socket) {
  queue_.emplace_back(pack(message), socket);
  if (!retry_) send_all();
}

// That the other side is gone is told when it is read.
void TakeoverChannel::send_all() {
  retry_.reset();
  while (!queue_.empty()) {
    const auto& [bytes, socket] = queue_.front();
    if (send_one(bytes, socket) == Outcome::kLater) {
      retry_ = loop_.after(kMillisecond, [this] { send_all(); });
      return;
    }
    if (socket != net::kNoSocket) ::close(socket);
    queue_.pop_front();
  }
}

}  // namespace pgsaba::control
