#include "pgsaba/server/outgoing_connection.h"

#include "pgsaba/wire/frontend.h"
#include "pgsaba/wire/sqlstate.h"

namespace pgsaba::server {

Status OutgoingConnection::begin_connecting(const net::Address& address,
                                            const net::SocketOptions& options,
                                            const TlsWish& wish) {
  const auto socket = turn().network.connect(address, options);
  if (!socket) return socket.error();
  attach_connecting(*socket);
  if (wish.context == nullptr || address.is_unix()) {
    agreed();
    return done();
  }
  wish_ = wish;
  if (!wish.required) fallback_ = std::make_unique<Fallback>(Fallback{address, options});
  phase_ = Phase::kAsked;
  std::string request;
  wire::append_ssl_request(request);
  send(request);
  return done();
}

void OutgoingConnection::agree() {
  const Bytes input = gather(true);
  const std::uint8_t first = input.empty() ? 0 : input.front();
  const std::size_t count = input.size();
  retain(count);
  if (count > 0) return on_answer(first, count);
  if (ended() || broken()) not_agreed();
}

// One byte. Who holds the certificate has not said anything yet: CVE-2021-23222.
void OutgoingConnection::on_answer(std::uint8_t first, std::size_t count) {
  if (count > 1 && first == 'S') return refuse("received unencrypted data after SSL response");
  if (first == 'S') {
    phase_ = Phase::kShaking;
    return start_tls(wish_.context->connect(wish_.host), {});
  }
  // What an error says cannot be trusted, as nobody has shown a certificate: CVE-2024-10977.
  if (first == 'E') return refuse_for_now("server sent an error response during SSL exchange");
  if (first != 'N' || count > 1)
    return refuse_for_now("received invalid response to SSL negotiation");
  if (wish_.required) return refuse("server does not support SSL, but SSL was required");
  phase_ = Phase::kAgreed;
  wish_ = {};
  keep_connection();
  agreed();
}

auth::ServerBinding OutgoingConnection::binding(const net::Address& address,
                                                const TlsWish& wish) const {
  auth::ServerBinding binding;
  if (tls() != nullptr) binding.end_point = tls()->server_end_point();
  binding.may_show_password = tls() != nullptr || address.is_loopback() || wish.shows_passwords;
  return binding;
}

bool OutgoingConnection::may_do_without_tls(const wire::ErrorFields& refusal) const {
  return fallback_ != nullptr && refusal.sqlstate == wire::sqlstate::kInvalidAuthorization;
}

bool OutgoingConnection::retry_without_tls() {
  const std::unique_ptr<Fallback> fallback = std::move(fallback_);
  if (!fallback) return false;
  const auto socket = turn().network.connect(fallback->address, fallback->options);
  if (!socket) return false;
  phase_ = Phase::kAgreed;
  wish_ = {};
  connect_anew(*socket);
  agreed();
  return true;
}

void OutgoingConnection::secured() {
  if (!tls_failure().empty()) {
    const std::string why(tls_failure());
    const bool closed = ended();
    if (retry_without_tls()) return;
    return closed ? not_agreed() : refuse(why);
  }
  phase_ = Phase::kAgreed;
  wish_ = {};
  agreed();
}

void OutgoingConnection::refuse(std::string why) {
  tls_error_ = "TLS failed: " + std::move(why);
  not_agreed();
}

void OutgoingConnection::refuse_for_now(std::string why) {
  tls_error_may_pass_ = true;
  refuse(std::move(why));
}

bool OutgoingConnection::broken_by_tls() {
  if (broken() && !tls_failure().empty()) tls_error_ = "TLS failed: " + std::string(tls_failure());
  return !tls_error_.empty();
}

}  // namespace pgsaba::server
