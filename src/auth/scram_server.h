// ScramServer: the server's half of one SCRAM-SHA-256 exchange (RFC 5802, 7677; PostgreSQL
// libpq/auth-scram.c). Knows messages and proofs; who the user is and what to do about failure is
// ClientLogin's business. Owned by one login, on one thread.
//
// Channel binding: over TLS, `end_point` is the hash of our certificate and SCRAM-SHA-256-PLUS is
// offered. A client that takes it has to say 'p' and show the same hash. One that believes that it
// is not offered ('y') is refused, for somebody in between has told it so; without TLS it is
// served.
#pragma once

#include <pgsaba/auth/login_error.h>
#include <pgsaba/auth/scram_keys.h>

#include <optional>
#include <string>
#include <string_view>

namespace pgsaba::auth {

class ScramServer {
 public:
  // `salt` is raw bytes. `nonce` is our part of the nonce. `end_point` is empty without TLS.
  ScramServer(std::string_view salt, std::uint32_t iterations, std::string nonce,
              std::string end_point = {});

  // The client has chosen SCRAM-SHA-256-PLUS.
  void bind() { bound_ = true; }
  std::optional<LoginError> read_client_first(std::string_view message);
  // After read_client_first() succeeded.
  const std::string& server_first() const { return server_first_; }
  // Checks form, channel binding and nonce, and keeps the proof.
  std::optional<LoginError> read_client_final(std::string_view message);
  // After read_client_final() succeeded. Recovers client_key() on the way.
  bool proof_matches(const Sha256Digest& stored_key);
  std::string server_final(const Sha256Digest& server_key) const;
  const Sha256Digest& client_key() const { return client_key_; }

 private:
  std::optional<LoginError> read_gs2_header(std::string_view message);
  std::optional<LoginError> check_channel_binding(std::optional<std::string_view> shown) const;
  std::string auth_message() const;

  std::string salt_text_;
  std::uint32_t iterations_;
  std::string nonce_;  // the client's part in front, once known
  std::string end_point_;
  bool bound_ = false;
  std::string gs2_header_;
  std::string client_first_bare_;
  std::string server_first_;
  std::string client_final_without_proof_;
  Sha256Digest proof_;
  Sha256Digest client_key_;
};

}  // namespace pgsaba::auth
