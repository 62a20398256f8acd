// OutgoingConnection: a connection to PostgreSQL up to the moment when the first packet may be
// sent: connected, and with TLS if that was wished for.
//
//   connect ─▶ kAsked ──'S'──▶ kShaking ──▶ kAgreed
//                 └──'N', where TLS is not required ──▶ kAgreed
//   without a wish for TLS: kAgreed at once
//   kShaking ──fails, where TLS is not required──▶ a new connection, without TLS: kAgreed
//
// The last, and that a server which refuses a login over TLS is asked without, is libpq's `prefer`.
//
// Owned by one worker's thread. Source: "SSL Session Encryption" of the protocol chapter.
#pragma once

#include <memory>
#include <string>

#include "pgsaba/auth/server_authenticator.h"
#include "pgsaba/config/config.h"
#include "pgsaba/net/connection.h"
#include "pgsaba/wire/error_fields.h"

namespace pgsaba::server {

// How connections to a server are to be encrypted. A value.
struct TlsWish {
  std::shared_ptr<const net::TlsContext> context = {};  // null: not at all
  bool required = false;                                // or not at all, if the server has no TLS
  std::string host = {};                                // as the configuration calls it
  config::ChannelBinding channel_binding = config::ChannelBinding::kPrefer;
  bool shows_passwords = false;  // also where somebody may read them: auth.plain_passwords

  bool operator==(const TlsWish&) const = default;
};

class OutgoingConnection : public net::Connection {
 public:
  // Why there is no TLS as it was wished for; empty if it is not for TLS that it failed.
  const std::string& tls_error() const { return tls_error_; }
  // It may be another answer in a moment: a server that stops or starts gives odd ones, too.
  bool tls_error_may_pass() const { return tls_error_may_pass_; }

 protected:
  explicit OutgoingConnection(net::Turn& turn) : Connection(turn, Side::kServer) {}

  // `agreed` or `not_agreed` follows; the first maybe before this returns.
  Status begin_connecting(const net::Address& address, const net::SocketOptions& options,
                          const TlsWish& wish);
  bool has_agreed() const { return phase_ == Phase::kAgreed; }
  // What `step` does until then.
  void agree();
  // The first packet may be sent.
  virtual void agreed() = 0;
  // It was lost before that, or TLS cannot be had as wished: then `tls_error` tells.
  virtual void not_agreed() = 0;
  // The server's refusal may be about TLS, as a rule for hostnossl would have it.
  bool may_do_without_tls(const wire::ErrorFields& refusal) const;
  // The server will not have the login over TLS. True: it is tried again without, on a new
  // connection; `agreed` follows, or has. Only if TLS is not required, and once.
  bool retry_without_tls();
  // The login is over: nothing is tried again.
  void keep_connection() { fallback_.reset(); }
  // It broke: because of TLS? Then `tls_error` tells. (That a certificate of ours is missing or bad
  // is heard only after the handshake.)
  bool broken_by_tls();
  // What a login at this address can be bound to, and whether it may show its password.
  auth::ServerBinding binding(const net::Address& address, const TlsWish& wish) const;

 private:
  enum class Phase : std::uint8_t { kAsked, kShaking, kAgreed };

  void secured() final;
  void on_answer(std::uint8_t first, std::size_t count);
  void refuse(std::string why);
  void refuse_for_now(std::string why);

  // What it takes to connect again.
  struct Fallback {
    net::Address address;
    net::SocketOptions options;
  };

  Phase phase_ = Phase::kAgreed;
  std::unique_ptr<Fallback> fallback_;  // while it may be tried again without TLS
  TlsWish wish_;                        // while it is agreed upon
  std::string tls_error_;
  bool tls_error_may_pass_ = false;
};

}  // namespace pgsaba::server
