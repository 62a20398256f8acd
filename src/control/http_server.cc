#include "control/http_server.h"

#include <algorithm>

#include "control/http_connection.h"

namespace pgsaba::control {
namespace {

constexpr Micros kIdleUs = 3600 * kSecond;         // there is nobody: something will wake us
constexpr Micros kGlanceUs = 250 * kMillisecond;   // between looks at who is slow
constexpr net::SocketOptions kSocketOptions = {};  // the system's

}  // namespace

HttpServer::HttpServer(net::Network& network, net::Socket listener, Ask ask)
    : turn_(network), listener_(listener), ask_(std::move(ask)) {
  network.watch_listener(listener_, *this);
}

HttpServer::~HttpServer() { turn_.network.unwatch(listener_); }

void HttpServer::run_turn(Micros now) {
  turn_.now = now;
  if (waiting_) accept();
  turn_.step_all();
  turn_.flush_all();
  cut_slow();
  turn_.flush_all();
  turn_.sweep();
}

Micros HttpServer::timeout() const {
  if (turn_.work_left()) return 0;
  return connections_.empty() ? kIdleUs : kGlanceUs;
}

void HttpServer::accept() {
  waiting_ = false;
  for (;;) {
    const net::Socket socket = turn_.network.accept(listener_, kSocketOptions);
    if (socket == net::kNoSocket) return;
    if (!make_room()) {
      turn_.network.close(socket);
      continue;
    }
    auto connection = std::make_unique<HttpConnection>(turn_, ++last_, ask_);
    connection->open(socket, tls_.get());
    connections_.emplace(last_, std::move(connection));
  }
}

// Whoever has not even asked makes way, the oldest first.
bool HttpServer::make_room() {
  if (connections_.size() < kMaxConnections) return true;
  const auto slowest =
      std::ranges::find_if(connections_, [](const auto& one) { return one.second->asks(); });
  if (slowest == connections_.end()) return false;
  connections_.erase(slowest);
  return true;
}

void HttpServer::answer(std::uint64_t number, const HttpReply& reply) {
  const auto found = connections_.find(number);
  if (found != connections_.end() && found->second->waits()) found->second->answer(reply);
}

void HttpServer::cut_slow() {
  std::erase_if(connections_, [](const auto& one) { return one.second->over(); });
}

}  // namespace pgsaba::control
