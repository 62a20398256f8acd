// HttpFace: serves pages over HTTP or HTTPS, on a thread of its own that only speaks HTTP: what a
// page says is asked of the control thread, which may take its time.
// Built, told and stopped on the control thread; the loop outlives it.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "control/http_message.h"
#include "pgsaba/base/result.h"
#include "pgsaba/net/control_loop.h"
#include "pgsaba/net/network.h"
#include "pgsaba/net/tls.h"

namespace pgsaba::control {

class HttpServer;

class HttpFace {
 public:
  // Called on the control thread for every GET and HEAD; `done` there, too, now or later, once.
  using Serve =
      std::function<void(const HttpRequest& request, std::function<void(HttpReply)> done)>;

  // `tls` is null for HTTP in clear. The error says what the address is or why it cannot be
  // listened on.
  static Result<std::unique_ptr<HttpFace>> start(net::ControlLoop& loop, const std::string& address,
                                                 std::uint16_t port,
                                                 std::shared_ptr<const net::TlsContext> tls,
                                                 Serve serve);
  ~HttpFace();
  HttpFace(const HttpFace&) = delete;
  HttpFace& operator=(const HttpFace&) = delete;

  // For connections from now on.
  void use(std::shared_ptr<const net::TlsContext> tls);

 private:
  class Inbox;  // what is told to its thread

  HttpFace(net::ControlLoop& loop, Serve serve, std::shared_ptr<Inbox> inbox, net::Socket listener);
  void run();
  void ask(std::uint64_t number, HttpRequest request);

  net::ControlLoop& loop_;
  std::shared_ptr<const Serve> serve_;
  std::shared_ptr<Inbox> inbox_;
  net::Socket listener_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace pgsaba::control
