// HttpFace: serves pages over HTTP. Its threads only speak HTTP: what a page says is asked of the
// control thread, which may take its time; whoever asks meanwhile waits a few seconds at most.
// Built, started and stopped on the control thread; the loop outlives it.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "pgsaba/base/result.h"
#include "pgsaba/net/control_loop.h"

namespace pgsaba::control {

struct HttpRequest {
  std::string path;
  std::map<std::string, std::string> query;  // ?role=replica
  std::string authorization = {};            // the header of that name
};

struct HttpReply {
  int status = 200;
  std::string type = "text/plain; charset=utf-8";
  std::string body;
};

class HttpFace {
 public:
  // Called on the control thread for every GET and HEAD; `done` there, too, now or later, once.
  using Serve =
      std::function<void(const HttpRequest& request, std::function<void(HttpReply)> done)>;

  // The error says what the address is or why it cannot be listened on.
  static Result<std::unique_ptr<HttpFace>> start(net::ControlLoop& loop, const std::string& address,
                                                 std::uint16_t port, Serve serve);
  ~HttpFace();
  HttpFace(const HttpFace&) = delete;
  HttpFace& operator=(const HttpFace&) = delete;

 private:
  class Server;  // what touches the library

  HttpFace(net::ControlLoop& loop, Serve serve);
  // On one of its threads.
  HttpReply ask(HttpRequest request);

  net::ControlLoop& loop_;
  Serve serve_;
  std::atomic<bool> stopping_{false};
  std::unique_ptr<Server> server_;
};

}  // namespace pgsaba::control
