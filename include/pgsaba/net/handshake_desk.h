// HandshakeDesk: where the connections of one worker have their TLS handshakes computed. A step of
// one costs up to some milliseconds (an RSA key of 4096 bits: 5), so it is done elsewhere, by
// whoever takes the desk's orders, and comes back through `deliver`; without one it is done here
// and now (tests).
//
// Bounded: only a few orders are under way at a time; the rest wait here, servers before clients,
// as long as their connections are there. Owned by one worker's thread, as its connections are;
// must outlive them.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "pgsaba/net/tls.h"

namespace pgsaba::net {

class Connection;

// One step of a handshake; the session goes along, so that only one thread has it.
struct HandshakeStep {
  std::uint64_t number = 0;
  std::unique_ptr<TlsSession> session;
  std::vector<std::uint8_t> received;
  std::vector<std::uint8_t> to_send;
  TlsSession::Handshake outcome = TlsSession::Handshake::kGoesOn;

  void compute() { outcome = session->shake_hands(received, to_send); }
};

// How handshakes ended, since the start.
struct HandshakeCounts {
  std::uint64_t full = 0;
  std::uint64_t resumed = 0;  // from an earlier session: no certificate, no signature
  std::array<std::uint64_t, kTlsFailures> failed = {};  // by TlsFailure
};

class HandshakeDesk {
 public:
  // Takes a step to be computed; the answer is a later call of `deliver`, on the desk's thread.
  using Send = std::function<void(HandshakeStep)>;

  void send_to(Send send) { send_ = std::move(send); }
  // The connection gets its answer through `Connection::hands_shaken`, maybe before this returns.
  void ask(Connection& connection, bool to_server, HandshakeStep step);
  void deliver(HandshakeStep step);
  // The connection does not want its answer any more.
  void leave(std::uint64_t number);

  // Of handshakes with servers, or with clients.
  HandshakeCounts& counts(bool to_server) { return counts_[to_server ? 1 : 0]; }

 private:
  void send_next();

  Send send_;
  std::map<std::uint64_t, Connection*> asked_;
  std::deque<HandshakeStep> servers_;
  std::deque<HandshakeStep> clients_;
  std::size_t under_way_ = 0;
  std::uint64_t last_ = 0;
  std::array<HandshakeCounts, 2> counts_;
};

}  // namespace pgsaba::net
