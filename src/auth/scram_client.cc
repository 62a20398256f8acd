#include "scram_client.h"

#include <pgsaba/auth/base64.h>
#include <pgsaba/auth/digest.h>

#include <algorithm>
#include <charconv>

#include "login_errors.h"
#include "scram_message.h"

namespace pgsaba::auth {
namespace {

// A server's first message carries both nonces and a salt; PostgreSQL's are about 100 bytes.
constexpr std::size_t kMaxServerMessageBytes = 2 * kMaxScramMessageBytes;
constexpr std::size_t kMaxSaltBytes = 1024;

LoginError malformed(std::string_view message_name, std::string_view detail) {
  return {kProtocolViolation, "malformed SCRAM message from the server",
          std::string(detail) + " in " + std::string(message_name) + '.'};
}

std::optional<std::uint32_t> parse_count(std::string_view text) {
  std::uint32_t count = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, count);
  if (error != std::errc() || stop != end || count == 0) return std::nullopt;
  return count;
}

// For error messages: what the server says, without what could upset a terminal or a log.
std::string printable(std::string_view text) {
  std::string clean(text.substr(0, 100));
  std::replace_if(
      clean.begin(), clean.end(), [](char c) { return c < ' ' || c >= 0x7f; }, '?');
  return clean;
}

}  // namespace

ScramClient::ScramClient(std::string nonce, std::string_view user, ScramBinding binding)
    : nonce_(std::move(nonce)),
      binding_(std::move(binding)),
      client_first_bare_("n=" + std::string(user) + ",r=" + nonce_) {}

std::optional<LoginError> ScramClient::read_server_first(std::string_view message,
                                                         std::uint32_t max_iterations) {
  constexpr std::string_view kName = "server-first-message";
  if (message.size() > kMaxServerMessageBytes) return malformed(kName, "too many bytes");
  ScramReader reader(message);
  const auto nonce = reader.expect('r');
  if (!nonce || !is_scram_nonce(*nonce)) return malformed(kName, "no printable nonce");
  if (nonce->size() <= nonce_.size() || !nonce->starts_with(nonce_)) {
    return malformed(kName, "a nonce that does not continue ours");
  }
  const auto salt_text = reader.expect('s');
  auto salt = decode_base64(salt_text.value_or("?"));
  if (!salt || salt->empty() || salt->size() > kMaxSaltBytes) return malformed(kName, "bad salt");
  const auto iterations = parse_count(reader.expect('i').value_or(""));
  if (!iterations) return malformed(kName, "bad iteration count");
  if (!reader.skip_extensions()) return malformed(kName, "malformed or mandatory extension");
  if (*iterations > max_iterations) {
    return LoginError{kInvalidAuthorization, "the server asks for " + std::to_string(*iterations) +
                                                 " SCRAM iterations, more than the limit of " +
                                                 std::to_string(max_iterations)};
  }
  nonce_ = *nonce;
  salt_ = std::move(*salt);
  iterations_ = *iterations;
  server_first_ = message;
  return std::nullopt;
}

std::string ScramClient::client_final(const ScramKeys& keys) {
  const std::string bound_to = binding_.header + binding_.end_point;
  const std::string without_proof = "c=" + encode_base64(bytes_of(bound_to)) + ",r=" + nonce_;
  const std::string auth_message = client_first_bare_ + ',' + server_first_ + ',' + without_proof;
  server_signature_ = hmac_sha256(keys.server_key.bytes(), bytes_of(auth_message));
  const Sha256Digest stored_key = stored_key_of(keys.client_key);
  Sha256Digest proof = hmac_sha256(stored_key.bytes(), bytes_of(auth_message));
  for (std::size_t i = 0; i < Sha256Digest::size(); ++i) {
    proof[i] = static_cast<std::uint8_t>(proof[i] ^ keys.client_key[i]);
  }
  return without_proof + ",p=" + encode_base64(proof.bytes());
}

std::optional<LoginError> ScramClient::verify_server_final(std::string_view message) const {
  constexpr std::string_view kName = "server-final-message";
  if (message.size() > kMaxServerMessageBytes) return malformed(kName, "too many bytes");
  ScramReader reader(message);
  const auto attribute = reader.next();
  if (attribute && attribute->name == 'e') {
    return LoginError{kInvalidPassword,
                      "the server refuses the SCRAM exchange: " + printable(attribute->value)};
  }
  if (!attribute || attribute->name != 'v') return malformed(kName, "no signature");
  const auto signature = decode_base64(attribute->value);
  if (!signature || !reader.skip_extensions()) return malformed(kName, "a bad signature");
  if (!constant_time_equal(*signature, server_signature_.text())) {
    return LoginError{kInvalidAuthorization,
                      "the server does not know the password: its SCRAM signature is wrong"};
  }
  return std::nullopt;
}

}  // namespace pgsaba::auth
