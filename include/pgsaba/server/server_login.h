// ServerLogin: the step machine that logs in to PostgreSQL, from the startup packet to the first
// ReadyForQuery. Pure: messages in, bytes out. Source: "Start-up" of the protocol chapter.
// Owned by one ServerConnection.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "pgsaba/auth/scram_key_desk.h"
#include "pgsaba/auth/secret.h"
#include "pgsaba/auth/server_authenticator.h"
#include "pgsaba/net/address.h"
#include "pgsaba/server/outgoing_connection.h"
#include "pgsaba/wire/backend.h"
#include "pgsaba/wire/error_fields.h"
#include "pgsaba/wire/frontend.h"

namespace pgsaba::server {

// Where a pool's servers connect to, and as whom. Immutable; shared by the connections.
struct ServerTarget {
  std::string name;                     // of the server in the configuration
  std::vector<net::Address> addresses;  // all of this one server; never empty
  std::string database;
  std::string user;
  auth::Secret secret;
  TlsWish tls;
  wire::ParameterList startup;  // beyond user and database
};

class ServerLogin {
 public:
  // kNeedsKeys: see key_request(); no message may be given before provide_keys().
  enum class Outcome : std::uint8_t { kContinue, kNeedsKeys, kDone, kFailed };

  // `keys` knows what clients have revealed of their secrets.
  ServerLogin(std::shared_ptr<const ServerTarget> target, const auth::ScramKeyCache& keys);
  ~ServerLogin();

  // The server should be a primary. One that says that it is none is asked: a pooler in between may
  // say what was true when it logged in itself.
  void expect_primary() { expects_primary_ = true; }
  // Everything begins anew, on another connection: `start` follows.
  void restart();
  // The first bytes to send, and what the login is bound to; the target's wish is added.
  void start(std::string& out, auth::ServerBinding binding = {});
  // A message of the server; what is to be sent is appended to `out`.
  Outcome on_message(char tag, Bytes body, std::string& out);
  const auth::ScramKeyRequest& key_request() const { return authenticator_->key_request(); }
  Outcome provide_keys(const auth::ScramKeys& keys, std::string& out);

  // What the server said of itself, in its order.
  const wire::ParameterList& parameters() const { return parameters_; }
  void set_parameter(std::string_view name, std::string_view value);
  bool in_hot_standby() const;  // as far as it says so: servers before version 14 do not
  const wire::CancelKey& cancel_key() const { return cancel_key_; }
  const wire::ErrorFields& error() const { return error_; }

 private:
  Outcome on_authentication(Bytes body, std::string& out);
  Outcome follow(const auth::ServerAuthStep& step, std::string& out);
  Outcome on_standby_answer(char tag, Bytes body);
  auth::ServerCredentials credentials() const;
  Outcome fail(std::string_view sqlstate, std::string message);

  std::shared_ptr<const ServerTarget> target_;
  const auth::ScramKeyCache& keys_;
  auth::ServerBinding binding_;
  std::unique_ptr<auth::ServerAuthenticator> authenticator_;
  bool expects_primary_ = false;
  bool asks_ = false;  // whether it is a standby
  wire::ParameterList parameters_;
  wire::CancelKey cancel_key_;
  wire::ErrorFields error_;
};

}  // namespace pgsaba::server
