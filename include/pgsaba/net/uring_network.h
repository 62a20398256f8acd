// UringNetwork: Network over epoll(7) for readiness and io_uring(7) for the bytes: what is sent in
// a turn leaves in one system call, and what has become readable is read in another.
//
// Nothing is ever under way when a call returns: each operation is one that the kernel completes at
// once or refuses with EAGAIN, so that order, ownership and failures are those of send(2) and
// recv(2). A send that the kernel did not take whole comes back by Pollable::not_sent in `submit`.
//
// One a worker thread; `create` may run in another one. io_uring may be missing (an old kernel,
// kernel.io_uring_disabled, a seccomp filter): then `create` fails.
#pragma once

#include <memory>
#include <vector>

#include "pgsaba/net/epoll_network.h"

namespace pgsaba::net {

class UringNetwork final : public EpollNetwork {
 public:
  static Result<std::unique_ptr<UringNetwork>> create();
  ~UringNetwork() override;

  IoResult receive(Socket socket, std::span<std::uint8_t> into) override;
  IoResult send(Socket socket, Bytes first, Bytes second) override;
  void submit() override;
  void settle(Socket socket) override;
  void watch(Socket socket, Pollable& owner) override;
  void watch_listener(Socket socket, Pollable& owner) override;
  void unwatch(Socket socket) override;
  // Fails while something is read ahead; from then on nothing is.
  Socket duplicate(Socket socket) override;
  void wait(Micros timeout_us) override;

 private:
  struct Ring;
  struct Place;
  struct Ahead;

  explicit UringNetwork(Descriptors descriptors);
  void report(std::span<const epoll_event> events) override;
  Place* find(Socket socket) const;
  Place& settle_in(Socket socket, Pollable& owner);
  void read_ahead(std::span<const epoll_event> events);
  void read_at_once(std::size_t from);
  void complete(Place& place);
  static void tell_refused(Place& place);
  void complete_sends();
  void sent(Place& place, int result);
  void release(Ahead& ahead);

  std::unique_ptr<Ring> ring_;
  std::vector<std::unique_ptr<Place>> places_;  // by socket
  std::vector<Place*> sending_;                 // in the order of their entries in the ring
  std::vector<Place*> refused_;                 // the kernel did not take all of it
  std::vector<Place*> reading_;
  std::vector<std::uint8_t> outgoing_;  // what `sending_` sends, one behind the other
  std::size_t outgoing_used_ = 0;
  std::vector<std::uint8_t> blocks_;  // for what is read ahead
  std::vector<std::uint32_t> free_blocks_;
};

}  // namespace pgsaba::net
