// Network: the kernel as a worker sees it. EpollNetwork is the real one; the simulator brings its
// own. Sockets are non-blocking. Interest is registered once a socket and never changed: readiness
// is edge-triggered, so that pausing and resuming a peer costs no system call.
// Owned by one worker thread; only `wake` may be called from others.
#pragma once

#include <sys/types.h>

#include <optional>
#include <span>

#include "pgsaba/base/bytes.h"
#include "pgsaba/base/clock.h"
#include "pgsaba/base/result.h"
#include "pgsaba/net/address.h"

namespace pgsaba::net {

using Socket = int;
inline constexpr Socket kNoSocket = -1;

struct SocketReadiness {
  bool readable = false;
  bool writable = false;
  bool hangup = false;  // the peer will send no more; what it sent is still to be read
  bool gone = false;    // nor will it receive any
};

// Something with a socket. `ready` only records what happened; the work is done later in the turn.
class Pollable {
 public:
  virtual ~Pollable() = default;
  virtual void ready(SocketReadiness readiness) = 0;
  // Of what a `send` of this turn accepted, the kernel refused this end, or all of it with an
  // errno.
  virtual void not_sent([[maybe_unused]] int error, [[maybe_unused]] Bytes rest) {}
};

struct IoResult {
  enum class Kind : std::uint8_t { kDone, kWouldBlock, kEnd, kFailed };
  Kind kind = Kind::kDone;
  std::size_t count = 0;  // bytes moved
  int error = 0;          // errno of kFailed
};

// Seconds and counts as in tcp(7); 0 keeps the system's value.
struct SocketOptions {
  bool keepalive = true;
  int keepalive_idle_s = 0;
  int keepalive_interval_s = 0;
  int keepalive_count = 0;
  int user_timeout_ms = 0;
};

class Network {
 public:
  virtual ~Network() = default;

  virtual IoResult receive(Socket socket, std::span<std::uint8_t> into) = 0;
  // Sends `first`, then `second`, in one system call; a network may keep them until `submit`.
  virtual IoResult send(Socket socket, Bytes first, Bytes second) = 0;
  // What was sent is with the kernel when this returns, but for what `not_sent` was told.
  virtual void submit() {}
  // The same of one socket, at once.
  virtual void settle([[maybe_unused]] Socket socket) {}

  // Begins to connect; the socket becomes writable when that is decided.
  virtual Result<Socket> connect(const Address& address, const SocketOptions& options) = 0;

  virtual void watch(Socket socket, Pollable& owner) = 0;
  // Takes a listening socket that other workers watch too.
  virtual void watch_listener(Socket socket, Pollable& owner) = 0;
  virtual void unwatch(Socket socket) = 0;
  // The next connection of a listener, or kNoSocket.
  virtual Socket accept(Socket listener, const SocketOptions& options) = 0;
  virtual void close(Socket socket) = 0;
  // Another name for the same connection, to be closed by itself; kNoSocket: there is none to be
  // had.
  virtual Socket duplicate(Socket socket) = 0;

  virtual Address peer_address(Socket socket) = 0;
  virtual Address local_address(Socket socket) = 0;
  // Whose process is at the other end of a Unix socket; none: it is no such socket.
  virtual std::optional<uid_t> peer_user(Socket socket) = 0;

  // Sleeps until something is ready, `wake` is called or the time is over; reports each readiness.
  virtual void wait(Micros timeout_us) = 0;
  virtual void wake() = 0;
};

}  // namespace pgsaba::net
