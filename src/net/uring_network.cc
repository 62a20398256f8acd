#include "pgsaba/net/uring_network.h"

#include <liburing.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "pgsaba/base/log.h"

namespace pgsaba::net {
namespace {

constexpr unsigned kEntries = 256;  // operations in one system call
// What is longer is sent from where it lies: copying it would cost more than the call.
constexpr std::size_t kMostCopiedBytes = 2'048;
constexpr std::size_t kOutgoingBytes = kEntries * kMostCopiedBytes / 4;
// Most messages of a query fit. Of a longer stream only the beginning is read ahead.
constexpr std::size_t kAheadBytes = 2'048;
constexpr std::uint32_t kBlocks = kEntries;
constexpr std::uint32_t kNoBlock = ~std::uint32_t{0};

Error no_ring(const char* call, int error) {
  return {std::string(call) + ": " + std::strerror(error),
          error == ENOMEM ? "Up to Linux 5.11 rings count as locked memory: raise LimitMEMLOCK."
                          : "The kernel may be too old, or kernel.io_uring_disabled or a seccomp "
                            "filter forbids it."};
}

}  // namespace

struct UringNetwork::Ring {
  io_uring ring{};
  bool begun = false;
  bool registered = false;

  ~Ring() {
    if (begun) ::io_uring_queue_exit(&ring);
  }

  io_uring_sqe& next() {
    io_uring_sqe* entry = ::io_uring_get_sqe(&ring);
    assert(entry != nullptr);  // never more than kEntries at a time
    return *entry;
  }

  // Whether it does what it is for: reads nothing where nothing is, and sends. 0, or an errno. A
  // filter may allow a ring and forbid its use; later it would be too late to do without.
  int try_out() {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) return errno;
    std::uint8_t byte = 0;
    ::io_uring_prep_recv(&next(), ends[0], &byte, 1, MSG_DONTWAIT);
    int error = outcome() == -EAGAIN ? 0 : EOPNOTSUPP;
    ::io_uring_prep_send(&next(), ends[0], &byte, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (error == 0 && outcome() != 1) error = EOPNOTSUPP;
    for (const int end : ends) ::close(end);
    return error;
  }

  // Of the only operation that is queued.
  int outcome() {
    io_uring_cqe* completion = nullptr;
    if (const int status = ::io_uring_submit_and_wait(&ring, 1); status < 0) return status;
    if (const int status = ::io_uring_peek_cqe(&ring, &completion); status < 0) return status;
    const int result = completion->res;
    ::io_uring_cqe_seen(&ring, completion);
    return result;
  }

  // Submits `count` entries and hands each one's place in the order of submission, and its result,
  // to `done`. The lookup of the ring's own descriptor is saved by registering it, which only the
  // thread that uses it can do.
  template <typename Done>
  void run(std::size_t count, Done done) {
    if (!std::exchange(registered, true)) ::io_uring_register_ring_fd(&ring);
    std::size_t seen = 0;
    while (seen < count) {
      const int status = ::io_uring_submit_and_wait(&ring, static_cast<unsigned>(count - seen));
      unsigned head = 0;
      unsigned here = 0;
      io_uring_cqe* completion = nullptr;
      io_uring_for_each_cqe(&ring, head, completion) {
        ++here;
        done(static_cast<std::size_t>(completion->user_data), completion->res);
      }
      ::io_uring_cq_advance(&ring, here);
      seen += here;
      // Entries stay in the queue if the kernel has no memory for them: they are tried again.
      if (status >= 0 || status == -EINTR || status == -EAGAIN || status == -EBUSY) continue;
      log::error("io_uring_enter: {}; nothing can be read or sent any more",
                 std::strerror(-status));
      std::abort();
    }
  }
};

struct UringNetwork::Ahead {
  std::uint32_t block = kNoBlock;
  std::uint16_t begin = 0;
  std::uint16_t end = 0;
  int error = 0;  // of the attempt to read; told by the next `receive`

  bool empty() const { return block == kNoBlock && error == 0; }
};

struct UringNetwork::Place {
  Socket socket = kNoSocket;
  Pollable* owner = nullptr;
  Ahead ahead;
  std::uint32_t queued_at = 0;  // in `outgoing_`
  std::uint32_t queued = 0;     // bytes
  std::vector<std::uint8_t> unsent;
  int error = 0;         // of what was sent last
  bool more = false;     // came while something was read ahead
  bool streams = false;  // the last read found more than is read ahead
  // Not for us to read, or not only, for all that is known: nobody has read from it since it came,
  // or since it got another name. Another process may own the bytes.
  bool unread = true;
};

UringNetwork::UringNetwork(Descriptors descriptors) : EpollNetwork(descriptors) {}

Result<std::unique_ptr<UringNetwork>> UringNetwork::create() {
  Result<Descriptors> descriptors = open_descriptors();
  if (!descriptors) return descriptors.error();
  std::unique_ptr<UringNetwork> network(new UringNetwork(*descriptors));
  auto ring = std::make_unique<Ring>();
  // What IORING_SETUP_CLAMP is for is not needed. It came with Linux 5.6, as recv and send did: an
  // older kernel says here that it cannot.
  const int status = ::io_uring_queue_init(kEntries, &ring->ring, IORING_SETUP_CLAMP);
  if (status < 0) return no_ring("io_uring_setup", -status);
  ring->begun = true;
  if (const int error = ring->try_out(); error != 0) return no_ring("io_uring_enter", error);
  network->ring_ = std::move(ring);
  network->outgoing_.resize(kOutgoingBytes);
  network->blocks_.resize(kBlocks * kAheadBytes);
  for (std::uint32_t block = kBlocks; block > 0; --block)
    network->free_blocks_.push_back(block - 1);
  return network;
}

UringNetwork::~UringNetwork() {
  if (ring_) complete_sends();
}

UringNetwork::Place* UringNetwork::find(Socket socket) const {
  const auto index = static_cast<std::size_t>(socket);
  return index < places_.size() ? places_[index].get() : nullptr;
}

void UringNetwork::release(Ahead& ahead) {
  if (ahead.block != kNoBlock) free_blocks_.push_back(ahead.block);
  ahead = {};
}

// ---- what comes in -----------------------------------------------------------------------------

IoResult UringNetwork::receive(Socket socket, std::span<std::uint8_t> into) {
  Place* place = find(socket);
  if (place == nullptr) return EpollNetwork::receive(socket, into);
  std::size_t count = 0;
  if (!place->ahead.empty()) {
    Ahead& ahead = place->ahead;
    if (ahead.error != 0) {
      const int error = std::exchange(ahead.error, 0);
      return {IoResult::Kind::kFailed, 0, error};
    }
    count = std::min<std::size_t>(into.size(), ahead.end - ahead.begin);
    std::memcpy(into.data(), &blocks_[ahead.block * kAheadBytes + ahead.begin], count);
    ahead.begin = static_cast<std::uint16_t>(ahead.begin + count);
    place->more = place->more || ahead.end == kAheadBytes;
    if (ahead.begin == ahead.end) release(ahead);
    if (count == into.size() || !place->more) return {IoResult::Kind::kDone, count, 0};
  }
  place->more = place->unread = false;
  const IoResult rest = EpollNetwork::receive(socket, into.subspan(count));
  place->streams = count + rest.count > kAheadBytes;
  // An end or a failure is found again by whoever reads on.
  return count > 0 ? IoResult{IoResult::Kind::kDone, count + rest.count, 0} : rest;
}

void UringNetwork::report(std::span<const epoll_event> events) {
  read_ahead(events);
  for (const epoll_event& event : events) {
    auto* place = static_cast<Place*>(event.data.ptr);
    tell(*place->owner, event.events);
  }
}

// One that is readable by itself is read when its turn comes: one call either way.
void UringNetwork::read_ahead(std::span<const epoll_event> events) {
  reading_.clear();
  for (const epoll_event& event : events) {
    auto* place = static_cast<Place*>(event.data.ptr);
    if ((event.events & EPOLLIN) == 0 || place->unread || place->streams) continue;
    if (!place->ahead.empty()) {
      place->more = true;
    } else if (reading_.size() < free_blocks_.size())
      reading_.push_back(place);
  }
  if (reading_.size() < 2) return;
  for (std::size_t done = 0; done < reading_.size(); done += kEntries) read_at_once(done);
}

void UringNetwork::read_at_once(std::size_t from) {
  const std::size_t count = std::min<std::size_t>(kEntries, reading_.size() - from);
  for (std::size_t i = 0; i < count; ++i) {
    Place& place = *reading_[from + i];
    place.ahead.block = free_blocks_.back();
    free_blocks_.pop_back();
    io_uring_sqe& entry = ring_->next();
    ::io_uring_prep_recv(&entry, place.socket, &blocks_[place.ahead.block * kAheadBytes],
                         kAheadBytes, MSG_DONTWAIT);
    entry.user_data = from + i;
  }
  ring_->run(count, [this](std::size_t index, int result) {
    Ahead& ahead = reading_[index]->ahead;
    if (result > 0) {
      ahead.begin = 0;
      ahead.end = static_cast<std::uint16_t>(result);
      return;
    }
    release(ahead);  // an end is found again
    if (result < 0 && result != -EAGAIN && result != -EINTR) ahead.error = -result;
  });
}

// ---- what goes out -----------------------------------------------------------------------------

IoResult UringNetwork::send(Socket socket, Bytes first, Bytes second) {
  Place* place = find(socket);
  const std::size_t size = first.size() + second.size();
  if (place == nullptr || size == 0) return EpollNetwork::send(socket, first, second);
  complete(*place);
  if (place->error != 0) return {IoResult::Kind::kFailed, 0, place->error};
  if (!place->unsent.empty()) return {IoResult::Kind::kWouldBlock, 0, 0};
  if (size > kMostCopiedBytes) return EpollNetwork::send(socket, first, second);
  if (sending_.size() == kEntries || outgoing_used_ + size > outgoing_.size()) complete_sends();
  std::uint8_t* copy = &outgoing_[outgoing_used_];
  std::memcpy(copy, first.data(), first.size());
  if (!second.empty()) std::memcpy(copy + first.size(), second.data(), second.size());
  place->queued_at = static_cast<std::uint32_t>(outgoing_used_);
  place->queued = static_cast<std::uint32_t>(size);
  outgoing_used_ += size;
  sending_.push_back(place);
  return {IoResult::Kind::kDone, size, 0};
}

void UringNetwork::complete(Place& place) {
  if (place.queued > 0) complete_sends();
}

void UringNetwork::settle(Socket socket) {
  Place* place = find(socket);
  if (place == nullptr) return;
  complete(*place);
  if (std::erase(refused_, place) > 0) tell_refused(*place);
}

void UringNetwork::tell_refused(Place& place) {
  const std::vector<std::uint8_t> rest = std::exchange(place.unsent, {});
  place.owner->not_sent(place.error, rest);
}

void UringNetwork::submit() {
  complete_sends();
  // The owners may send again, or close; both find what is left of `refused_`.
  while (!refused_.empty()) {
    Place& place = *refused_.back();
    refused_.pop_back();
    tell_refused(place);
  }
}

void UringNetwork::complete_sends() {
  if (sending_.empty()) return;
  if (sending_.size() == 1) {
    Place& place = *sending_.front();
    const ssize_t count =
        ::send(place.socket, &outgoing_[place.queued_at], place.queued, MSG_NOSIGNAL);
    sent(place, count >= 0 ? static_cast<int>(count) : -errno);
  } else {
    for (std::size_t i = 0; i < sending_.size(); ++i) {
      const Place& place = *sending_[i];
      io_uring_sqe& entry = ring_->next();
      ::io_uring_prep_send(&entry, place.socket, &outgoing_[place.queued_at], place.queued,
                           MSG_NOSIGNAL | MSG_DONTWAIT);
      entry.user_data = i;
    }
    ring_->run(sending_.size(),
               [this](std::size_t index, int result) { sent(*sending_[index], result); });
  }
  sending_.clear();
  outgoing_used_ = 0;
}

void UringNetwork::sent(Place& place, int result) {
  const std::uint32_t size = std::exchange(place.queued, 0);
  if (result == static_cast<int>(size)) return;
  if (result < 0 && result != -EAGAIN && result != -EINTR) place.error = -result;
  const auto begin = outgoing_.begin() + place.queued_at;
  if (place.error == 0) place.unsent.assign(begin + std::max(result, 0), begin + size);
  refused_.push_back(&place);
}

// ---- sockets -----------------------------------------------------------------------------------

UringNetwork::Place& UringNetwork::settle_in(Socket socket, Pollable& owner) {
  const auto index = static_cast<std::size_t>(socket);
  if (index >= places_.size()) places_.resize(std::max(index + 1, places_.size() * 2));
  places_[index] = std::make_unique<Place>();
  places_[index]->socket = socket;
  places_[index]->owner = &owner;
  return *places_[index];
}

void UringNetwork::watch(Socket socket, Pollable& owner) {
  add(socket, kStream, &settle_in(socket, owner));
}

void UringNetwork::watch_listener(Socket socket, Pollable& owner) {
  add(socket, kListener, &settle_in(socket, owner));
}

void UringNetwork::unwatch(Socket socket) {
  if (Place* place = find(socket)) {
    complete(*place);
    std::erase(refused_, place);
    release(place->ahead);
    places_[static_cast<std::size_t>(socket)].reset();
  }
  EpollNetwork::unwatch(socket);
}

Socket UringNetwork::duplicate(Socket socket) {
  if (Place* place = find(socket)) {
    complete(*place);
    if (!place->ahead.empty() || !place->unsent.empty() || place->error != 0) return kNoSocket;
    place->unread = true;
  }
  return EpollNetwork::duplicate(socket);
}

// Whoever was told that something was not sent has work to do.
void UringNetwork::wait(Micros timeout_us) {
  complete_sends();
  const bool refused = !refused_.empty();
  submit();
  EpollNetwork::wait(refused ? 0 : timeout_us);
}

}  // namespace pgsaba::net
