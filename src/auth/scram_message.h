// The grammar SCRAM messages share (RFC 5802 section 7): attributes `x=value` between commas.
// Any thread; views into the message, which must outlive them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pgsaba::auth {

inline constexpr std::string_view kScramMechanism = "SCRAM-SHA-256";
inline constexpr std::string_view kScramPlusMechanism = "SCRAM-SHA-256-PLUS";
// The only channel binding there is: to the hash of the server's certificate (RFC 5929).
inline constexpr std::string_view kBoundHeader = "p=tls-server-end-point,,";
// PostgreSQL's PG_MAX_SASL_MESSAGE_LENGTH; every length inside a message is bounded by this one.
inline constexpr std::size_t kMaxScramMessageBytes = 1024;

struct ScramAttribute {
  char name;
  std::string_view value;
  std::size_t begin;  // offset of the name in the message
};

class ScramReader {
 public:
  explicit ScramReader(std::string_view message) : message_(message) {}

  // The next attribute; nothing if it is malformed or the message has ended.
  std::optional<ScramAttribute> next();
  // The value of the next attribute, which must have this name and some value.
  std::optional<std::string_view> expect(char name);
  bool at_end() const { return at_ == message_.size() && !after_comma_; }
  // Reads well-formed extensions to the end; false at anything else, `m=` included, which asks us
  // to give up if we do not know it.
  bool skip_extensions();

 private:
  std::string_view message_;
  std::size_t at_ = 0;
  bool after_comma_ = false;
};

// RFC 5802 `printable`: no blanks, no controls, no comma.
bool is_scram_nonce(std::string_view text);

// A fresh nonce: 18 random bytes as base64, like PostgreSQL's. Nothing if randomness is missing.
std::optional<std::string> make_scram_nonce();

}  // namespace pgsaba::auth
