#include "control/http_face.h"

#include <csignal>
#include <mutex>
#include <utility>
#include <vector>

#include "control/http_server.h"
#include "pgsaba/net/epoll_network.h"

namespace pgsaba::control {
namespace {

constexpr int kBacklog = 64;

}  // namespace

// Outlives the face as long as somebody has still to answer.
class HttpFace::Inbox {
 public:
  explicit Inbox(std::unique_ptr<net::EpollNetwork> network) : network_(std::move(network)) {}

  net::EpollNetwork& network() { return *network_; }

  void use(std::shared_ptr<const net::TlsContext> tls) {
    const std::lock_guard lock(mutex_);
    tls_ = std::move(tls);
    changed_ = true;
    network_->wake();
  }
  void answer(std::uint64_t number, HttpReply reply) {
    const std::lock_guard lock(mutex_);
    replies_.emplace_back(number, std::move(reply));
    network_->wake();
  }

  // On the face's thread.
  void deliver(HttpServer& to) {
    const auto replies = take(to);
    for (const auto& [number, reply] : replies) to.answer(number, reply);
  }

 private:
  using Replies = std::vector<std::pair<std::uint64_t, HttpReply>>;

  Replies take(HttpServer& to) {
    const std::lock_guard lock(mutex_);
    if (std::exchange(changed_, false)) to.use(std::move(tls_));
    return std::exchange(replies_, {});
  }

  std::unique_ptr<net::EpollNetwork> network_;
  std::mutex mutex_;
  std::shared_ptr<const net::TlsContext> tls_;
  bool changed_ = false;
  Replies replies_;  // one a connection, at most
};

HttpFace::HttpFace(net::ControlLoop& loop, Serve serve, std::shared_ptr<Inbox> inbox,
                   net::Socket listener)
    : loop_(loop),
      serve_(std::make_shared<const Serve>(std::move(serve))),
      inbox_(std::move(inbox)),
      listener_(listener) {}

HttpFace::~HttpFace() {
  stop_ = true;
  inbox_->network().wake();
  if (thread_.joinable()) thread_.join();
  inbox_->network().close(listener_);
}

Result<std::unique_ptr<HttpFace>> HttpFace::start(net::ControlLoop& loop,
                                                  const std::string& address, std::uint16_t port,
                                                  std::shared_ptr<const net::TlsContext> tls,
                                                  Serve serve) {
  auto network = net::EpollNetwork::create();
  if (!network) return network.error();
  const std::string host = address == "localhost" ? "127.0.0.1" : address;
  const auto where = net::Address::from_host(host == "*" ? "0.0.0.0" : host, port);
  if (!where) return where.error();
  const auto listener = net::listen_on(*where, kBacklog);
  if (!listener)
    return Error{"cannot listen on " + where->to_string() + " for HTTP",
                 "Another process may have the port, or the address is not this machine's: "
                 "http.address and http.port."};
  std::unique_ptr<HttpFace> face(new HttpFace(
      loop, std::move(serve), std::make_shared<Inbox>(std::move(*network)), *listener));
  face->use(std::move(tls));
  face->thread_ = std::thread([face = face.get()] { face->run(); });
  ::pthread_setname_np(face->thread_.native_handle(), "http");
  return face;
}

void HttpFace::use(std::shared_ptr<const net::TlsContext> tls) { inbox_->use(std::move(tls)); }

void HttpFace::run() {
  sigset_t all;  // signals are the control thread's business
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, nullptr);
  HttpServer server(
      inbox_->network(), listener_,
      [this](std::uint64_t number, HttpRequest request) { ask(number, std::move(request)); });
  while (!stop_.load(std::memory_order_relaxed)) {
    inbox_->network().wait(server.timeout());
    inbox_->deliver(server);
    server.run_turn(monotonic_now());
  }
}

// What cannot be posted is answered by the server, when its time is over.
void HttpFace::ask(std::uint64_t number, HttpRequest request) {
  [[maybe_unused]] const bool posted = loop_.post([serve = serve_, inbox = inbox_, number,
                                                   request = std::move(request)] {
    (*serve)(request, [inbox, number](HttpReply made) { inbox->answer(number, std::move(made)); });
  });
}

}  // namespace pgsaba::control
