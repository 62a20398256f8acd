// ScramClient: the client's half of one SCRAM-SHA-256 exchange (RFC 5802, 7677; PostgreSQL
// fe-auth-scram.c). The server is not trusted: everything it sends is bounded, and it has to prove
// that it knows the password too. Owned by one login, on one thread.
#pragma once

#include <pgsaba/auth/login_error.h>
#include <pgsaba/auth/scram_keys.h>

#include <optional>
#include <string>
#include <string_view>

namespace pgsaba::auth {

// What the exchange is bound to: the header says how, `end_point` is the hash of the server's
// certificate if it is bound.
struct ScramBinding {
  std::string header = "n,,";
  std::string end_point = {};
};

class ScramClient {
 public:
  // `nonce` is our part. `user` in RFC 5802's saslname form; PostgreSQL ignores it, so it stays "".
  explicit ScramClient(std::string nonce, std::string_view user = {}, ScramBinding binding = {});

  std::string client_first() const { return binding_.header + client_first_bare_; }
  // Keeps salt and iterations for the derivation of the keys.
  std::optional<LoginError> read_server_first(std::string_view message,
                                              std::uint32_t max_iterations);
  // Raw bytes.
  const std::string& salt() const { return salt_; }
  std::uint32_t iterations() const { return iterations_; }
  // After read_server_first() succeeded.
  std::string client_final(const ScramKeys& keys);
  // After client_final().
  std::optional<LoginError> verify_server_final(std::string_view message) const;

 private:
  std::string nonce_;  // the server's part behind, once known
  ScramBinding binding_;
  std::string client_first_bare_;
  std::string server_first_;
  std::string salt_;
  std::uint32_t iterations_ = 0;
  Sha256Digest server_signature_;
};

}  // namespace pgsaba::auth
