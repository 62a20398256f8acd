// EpollNetwork: Network over epoll(7). One a worker thread.
// Each socket is registered once, edge-triggered, for reading and writing. (A Unix-domain socket
// reports writability each time its peer reads: those wake-ups find nothing to do and cost little
// beside the two system calls that changing the interest would.)
#pragma once

#include <sys/epoll.h>

#include <memory>
#include <span>

#include "pgsaba/net/network.h"

namespace pgsaba::net {

class EpollNetwork : public Network {
 public:
  static Result<std::unique_ptr<EpollNetwork>> create();
  ~EpollNetwork() override;

  IoResult receive(Socket socket, std::span<std::uint8_t> into) override;
  IoResult send(Socket socket, Bytes first, Bytes second) override;
  Result<Socket> connect(const Address& address, const SocketOptions& options) override;
  void watch(Socket socket, Pollable& owner) override;
  void watch_listener(Socket socket, Pollable& owner) override;
  void unwatch(Socket socket) override;
  Socket accept(Socket listener, const SocketOptions& options) override;
  void close(Socket socket) override;
  Socket duplicate(Socket socket) override;
  Address peer_address(Socket socket) override;
  Address local_address(Socket socket) override;
  std::optional<uid_t> peer_user(Socket socket) override;
  void wait(Micros timeout_us) override;
  void wake() override;

 protected:
  struct Descriptors {
    int epoll;
    int event;  // eventfd(2): `wake` makes it readable
    int spare;  // given up to turn a client away when no descriptor is left
  };
  static Result<Descriptors> open_descriptors();
  explicit EpollNetwork(Descriptors descriptors) : descriptors_(descriptors) {}

  // `tag` comes back in the events that `report` gets.
  void add(Socket socket, std::uint32_t interest, void* tag);
  virtual void report(std::span<const epoll_event> events);
  static void tell(Pollable& owner, std::uint32_t bits);

  static constexpr std::uint32_t kStream = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  static constexpr std::uint32_t kListener = EPOLLIN | EPOLLEXCLUSIVE;

 private:
  void turn_away(Socket listener);

  Descriptors descriptors_;
};

// Puts `socket` into listening state; a Unix path is unlinked first if nobody answers on it.
// `shared`: other processes may listen on the same TCP port (SO_REUSEPORT).
Result<Socket> listen_on(const Address& address, int backlog, bool shared = false);

}  // namespace pgsaba::net
