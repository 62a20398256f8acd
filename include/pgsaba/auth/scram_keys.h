// The keys of SCRAM-SHA-256 (RFC 5802 section 3) and where they come from.
// Any thread; value types and pure functions. derive_keys() is the only slow one (1.5 ms at 4,096
// iterations): run it away from threads that serve queries.
//
// Passwords are prepared by SASLprep first, as PostgreSQL and its clients do.
#pragma once

#include <pgsaba/auth/secret_bytes.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace pgsaba::auth {

inline constexpr std::uint32_t kDefaultScramIterations = 4096;
// The largest number PostgreSQL's scram_iterations can be.
inline constexpr std::uint32_t kMaxScramIterations = 0x7fffffff;

// What a client needs to log in. Equivalent to the password for one salt and iteration count.
struct ScramKeys {
  Sha256Digest client_key;
  Sha256Digest server_key;
  friend bool operator==(const ScramKeys&, const ScramKeys&) = default;
};

// What a server stores (pg_authid.rolpassword). `salt` is raw bytes.
struct ScramVerifier {
  SecretBytes salt;
  std::uint32_t iterations = kDefaultScramIterations;
  Sha256Digest stored_key;
  Sha256Digest server_key;
  friend bool operator==(const ScramVerifier&, const ScramVerifier&) = default;
};

// A client's SCRAM keys as its login revealed them: good for a login to servers that store the same
// secret (same salt and iterations).
struct ScramPassThrough {
  ScramKeys keys;
  SecretBytes salt;
  std::uint32_t iterations = kDefaultScramIterations;
};

// Whether derived keys are worth keeping; in the order in which wishes are fulfilled.
enum class KeepKeys : std::uint8_t {
  kForServers,  // what our own logins need
  kForClients,  // listed users' secrets, and those made up for users that are not listed
  kNever,       // a client's guess: keeping those would let strangers fill the cache
};

// A wish for keys: all that derive_keys() needs, so that it can travel to another thread.
struct ScramKeyRequest {
  SecretBytes password;
  SecretBytes salt;
  std::uint32_t iterations = kDefaultScramIterations;
  KeepKeys keep = KeepKeys::kForServers;
};

ScramKeys derive_keys(const ScramKeyRequest& request);
Sha256Digest stored_key_of(const Sha256Digest& client_key);
ScramVerifier derive_verifier(std::string_view password, std::string_view salt,
                              std::uint32_t iterations);

}  // namespace pgsaba::auth
