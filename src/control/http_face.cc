#include "control/http_face.h"

#include <CivetServer.h>

#include <chrono>
#include <csignal>
#include <future>
#include <utility>
#include <vector>

namespace pgsaba::control {
namespace {

constexpr const char* kThreads = "4";
constexpr auto kPatience = std::chrono::seconds(5);
constexpr auto kGlance = std::chrono::milliseconds(50);  // between looks at whether it ends

// "a=b&c" as the library hands it over, still encoded.
std::map<std::string, std::string> parameters_of(const char* query) {
  std::map<std::string, std::string> parameters;
  std::string_view rest = query == nullptr ? "" : query;
  while (!rest.empty()) {
    const std::string_view one = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(one.size() + 1, rest.size()));
    const std::size_t equals = std::min(one.find('='), one.size());
    std::string value;
    if (equals < one.size())
      CivetServer::urlDecode(std::string(one.substr(equals + 1)), value, true);
    parameters.emplace(one.substr(0, equals), std::move(value));
  }
  return parameters;
}

std::string_view reason_of(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 401:
      return "Unauthorized";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    default:
      return "Service Unavailable";
  }
}

int answer(mg_connection* connection, const HttpReply& reply, bool with_body) {
  std::string head = "HTTP/1.1 " + std::to_string(reply.status) + " ";
  head += reason_of(reply.status);
  head += "\r\nContent-Type: " + reply.type +
          "\r\nContent-Length: " + std::to_string(reply.body.size()) +
          "\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
          "Content-Security-Policy: default-src 'none'; script-src 'unsafe-inline'; "
          "style-src 'unsafe-inline'; img-src data:; connect-src 'self'; frame-ancestors 'none'; "
          "base-uri 'none'; form-action 'none'\r\nReferrer-Policy: no-referrer\r\n";
  if (reply.status == 401)
    head += "WWW-Authenticate: Basic realm=\"pgsaba\", charset=\"UTF-8\"\r\n";
  if (reply.status == 405) head += "Allow: GET, HEAD\r\n";
  head += "\r\n";
  if (with_body) head += reply.body;
  ::mg_write(connection, head.data(), head.size());
  return reply.status;
}

// Signals are the control thread's business: threads inherit what is blocked when they are made.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsBlocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_{};
};

}  // namespace

class HttpFace::Server final : private CivetHandler {
 public:
  Server(HttpFace& face, const std::vector<std::string>& options) : face_(face), server_(options) {
    server_.addHandler("/", *this);
  }
  ~Server() { server_.close(); }

 private:
  bool handleGet(CivetServer*, mg_connection* connection) override {
    return serve(connection, true);
  }
  bool handleHead(CivetServer*, mg_connection* connection) override {
    return serve(connection, false);
  }
  bool handlePost(CivetServer*, mg_connection* connection) override { return refuse(connection); }
  bool handlePut(CivetServer*, mg_connection* connection) override { return refuse(connection); }
  bool handleDelete(CivetServer*, mg_connection* connection) override { return refuse(connection); }
  bool handleOptions(CivetServer*, mg_connection* connection) override {
    return refuse(connection);
  }
  bool handlePatch(CivetServer*, mg_connection* connection) override { return refuse(connection); }

  bool serve(mg_connection* connection, bool with_body) {
    const mg_request_info* info = ::mg_get_request_info(connection);
    const char* shown = ::mg_get_header(connection, "Authorization");
    answer(connection,
           face_.ask(
               {info->local_uri, parameters_of(info->query_string), shown == nullptr ? "" : shown}),
           with_body);
    return true;
  }
  static bool refuse(mg_connection* connection) {
    answer(connection, {.status = 405, .body = "these pages are read-only\n"}, true);
    return true;
  }

  HttpFace& face_;
  CivetServer server_;
};

HttpFace::HttpFace(net::ControlLoop& loop, Serve serve) : loop_(loop), serve_(std::move(serve)) {}

HttpFace::~HttpFace() {
  stopping_ = true;
  server_.reset();
}

Result<std::unique_ptr<HttpFace>> HttpFace::start(net::ControlLoop& loop,
                                                  const std::string& address, std::uint16_t port,
                                                  Serve serve) {
  const bool is_v6 = address.find(':') != std::string::npos;
  const std::string where = (is_v6 ? "[" + address + "]" : address) + ":" + std::to_string(port);
  std::unique_ptr<HttpFace> face(new HttpFace(loop, std::move(serve)));
  const SignalsBlocked blocked;
  try {
    face->server_ = std::make_unique<Server>(
        *face, std::vector<std::string>{"listening_ports", where, "num_threads", kThreads,
                                        "request_timeout_ms", "10000", "enable_keep_alive", "no",
                                        "enable_directory_listing", "no"});
  } catch (const CivetException&) {
    return Error{"cannot listen on " + where + " for HTTP",
                 "Another process may have the port, or the address is not this machine's: "
                 "http.address and http.port."};
  }
  return face;
}

HttpReply HttpFace::ask(HttpRequest request) {
  auto promise = std::make_shared<std::promise<HttpReply>>();
  std::future<HttpReply> reply = promise->get_future();
  const bool posted = loop_.post([this, promise, request = std::move(request)] {
    serve_(request, [promise](HttpReply made) { promise->set_value(std::move(made)); });
  });
  const auto give_up = std::chrono::steady_clock::now() + kPatience;
  while (posted && !stopping_ && std::chrono::steady_clock::now() < give_up)
    if (reply.wait_for(kGlance) == std::future_status::ready) return reply.get();
  return {.status = 503, .body = "no answer from the workers in time\n"};
}

}  // namespace pgsaba::control
