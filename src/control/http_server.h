// HttpServer: the clients of the pages. Each asks once, is answered, and is closed; whoever is slow
// at it is cut, and whoever comes when there are many takes the place of the slowest. What a page
// says is asked of somebody else, by number. With TLS the handshakes are computed here and now: no
// query waits for this thread.
// Owned by one thread, which runs its turns; `network` and the listening socket outlive it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>

#include "control/http_message.h"
#include "pgsaba/net/connection.h"

namespace pgsaba::control {

class HttpConnection;

class HttpServer final : private net::Pollable {
 public:
  using Ask = std::function<void(std::uint64_t number, HttpRequest request)>;

  static constexpr std::size_t kMaxConnections = 64;
  static constexpr Micros kRequestUs = 10 * kSecond;  // until all of it is here, TLS included
  static constexpr Micros kPageUs = 5 * kSecond;      // until somebody knows what it says
  static constexpr Micros kSendUs = 30 * kSecond;     // until it is sent
  static constexpr Micros kLeaveUs = kSecond;         // for who was refused to stop talking

  HttpServer(net::Network& network, net::Socket listener, Ask ask);
  ~HttpServer() override;

  // For new connections; null: without TLS.
  void use(std::shared_ptr<const net::TlsContext> tls) { tls_ = std::move(tls); }
  // Of a connection that has left: nothing happens.
  void answer(std::uint64_t number, const HttpReply& reply);
  void run_turn(Micros now);
  Micros timeout() const;

 private:
  void ready(net::SocketReadiness) override { waiting_ = true; }
  void accept();
  bool make_room();
  void cut_slow();

  net::Turn turn_;
  net::Socket listener_;
  Ask ask_;
  std::shared_ptr<const net::TlsContext> tls_;
  std::map<std::uint64_t, std::unique_ptr<HttpConnection>> connections_;  // the oldest first
  std::uint64_t last_ = 0;
  bool waiting_ = false;
};

}  // namespace pgsaba::control
