// Secret: what is known about a user's password, in one of PostgreSQL's stored forms.
// Any thread; a value that wipes itself. Source of the forms: PostgreSQL libpq/crypt.c
// get_password_type() and auth-scram.c parse_scram_secret().
#pragma once

#include <pgsaba/auth/scram_keys.h>
#include <pgsaba/auth/secret_bytes.h>
#include <pgsaba/base/result.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

namespace pgsaba::auth {

// No password is known: only methods that need none let this user in.
struct NoSecret {
  friend bool operator==(const NoSecret&, const NoSecret&) = default;
};
struct PlainSecret {
  SecretBytes password;
  friend bool operator==(const PlainSecret&, const PlainSecret&) = default;
};
// hex(md5(password + user)), without the "md5" in front.
struct Md5Secret {
  Md5Hex hash;
  friend bool operator==(const Md5Secret&, const Md5Secret&) = default;
};

using Secret = std::variant<NoSecret, PlainSecret, Md5Secret, ScramVerifier>;

// In the order of Secret.
enum class SecretKind : std::uint8_t { kNone, kPlain, kMd5, kScram };
inline SecretKind kind_of(const Secret& secret) { return static_cast<SecretKind>(secret.index()); }

// "" is NoSecret; `md5` + 32 lower-case hex digits and `SCRAM-SHA-256$<iterations>:<salt>$<stored
// key>:<server key>` are what they look like; anything else is a plain password. A text that begins
// like a SCRAM secret and is none is an error: it is a damaged copy, not somebody's password.
Result<Secret> parse_secret(std::string_view text);
// The inverse. Contains the secret in clear: never for a log.
std::string format_secret(const Secret& secret);

}  // namespace pgsaba::auth
