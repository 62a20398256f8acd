#include "pgsaba/net/handshake_desk.h"

#include "pgsaba/net/connection.h"

namespace pgsaba::net {
namespace {

// Enough to keep whoever computes busy; few enough for what has left not to be computed.
constexpr std::size_t kMaxUnderWay = 4;

}  // namespace

void HandshakeDesk::ask(Connection& connection, bool to_server, HandshakeStep step) {
  step.number = ++last_;
  asked_.emplace(step.number, &connection);
  connection.handshake_asked(step.number);
  if (!send_) {
    step.compute();
    ++under_way_;
    return deliver(std::move(step));
  }
  (to_server ? servers_ : clients_).push_back(std::move(step));
  send_next();
}

void HandshakeDesk::send_next() {
  while (under_way_ < kMaxUnderWay && !(servers_.empty() && clients_.empty())) {
    auto& queue = servers_.empty() ? clients_ : servers_;
    HandshakeStep step = std::move(queue.front());
    queue.pop_front();
    if (!asked_.contains(step.number)) continue;  // its connection has left
    ++under_way_;
    send_(std::move(step));
  }
}

void HandshakeDesk::deliver(HandshakeStep step) {
  --under_way_;
  const auto asked = asked_.find(step.number);
  if (asked != asked_.end()) {
    Connection& connection = *asked->second;
    asked_.erase(asked);
    connection.hands_shaken(std::move(step));
  }
  if (send_) send_next();
}

void HandshakeDesk::leave(std::uint64_t number) { asked_.erase(number); }

}  // namespace pgsaba::net
