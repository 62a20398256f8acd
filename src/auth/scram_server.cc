#include "scram_server.h"

#include <pgsaba/auth/base64.h>
#include <pgsaba/auth/digest.h>

#include <algorithm>

#include "login_errors.h"
#include "scram_message.h"

namespace pgsaba::auth {
namespace {

constexpr std::size_t kPlainHeaderBytes = 3;  // "n,," or "y,,"

bool has_valid_size(std::string_view message) {
  return !message.empty() && message.size() <= kMaxScramMessageBytes &&
         message.find('\0') == std::string_view::npos;
}

}  // namespace

ScramServer::ScramServer(std::string_view salt, std::uint32_t iterations, std::string nonce,
                         std::string end_point)
    : salt_text_(encode_base64(bytes_of(salt))),
      iterations_(iterations),
      nonce_(std::move(nonce)),
      end_point_(std::move(end_point)) {}

// What is wrong, in the order and the words of read_client_first_message in PostgreSQL's
// auth-scram.c.
std::optional<LoginError> ScramServer::read_gs2_header(std::string_view message) {
  const char flag = message[0];
  if (flag != 'n' && flag != 'y' && flag != 'p')
    return malformed_scram("Unexpected channel-binding flag.");
  if (flag == 'p' && !bound_)
    return malformed_scram(
        "The client selected SCRAM-SHA-256 without channel binding, but the SCRAM message includes "
        "channel binding data.");
  if (flag != 'p' && bound_)
    return malformed_scram(
        "The client selected SCRAM-SHA-256-PLUS, but the SCRAM message does not include channel "
        "binding data.");
  if (flag == 'y' && !end_point_.empty())
    return LoginError{kInvalidAuthorization, "SCRAM channel binding negotiation error",
                      "The client supports SCRAM channel binding but thinks the server does not.  "
                      "However, this server does support channel binding."};
  const std::size_t size = flag == 'p' ? kBoundHeader.size() : kPlainHeaderBytes;
  if (flag == 'p' && !message.starts_with(kBoundHeader.substr(0, size - 1)))
    return protocol_violation("unsupported SCRAM channel-binding type");
  if (message.size() < size || message[size - 2] != ',')
    return malformed_scram("Comma expected after the channel-binding flag.");
  if (message[size - 1] == 'a')
    return LoginError{kFeatureNotSupported,
                      "client uses authorization identity, but it is not supported"};
  if (message[size - 1] != ',')
    return malformed_scram("Comma expected after the channel-binding flag.");
  gs2_header_ = message.substr(0, size);
  return std::nullopt;
}

std::optional<LoginError> ScramServer::read_client_first(std::string_view message) {
  if (!has_valid_size(message)) return malformed_scram("The message has an invalid length.");
  if (auto error = read_gs2_header(message)) return error;
  const std::string_view bare = message.substr(gs2_header_.size());
  if (bare.starts_with("m=")) {
    return LoginError{kFeatureNotSupported, "client requires an unsupported SCRAM extension"};
  }
  ScramReader reader(bare);
  // The name is that of the startup message; this one PostgreSQL's clients leave empty.
  const auto name = reader.next();
  if (!name || name->name != 'n') return malformed_scram("User name expected.");
  const auto client_nonce = reader.expect('r');
  if (!client_nonce || !is_scram_nonce(*client_nonce)) {
    return malformed_scram("Printable nonce expected in client-first-message.");
  }
  if (!reader.skip_extensions()) return malformed_scram("Malformed or mandatory extension.");
  client_first_bare_ = bare;
  nonce_.insert(0, *client_nonce);
  server_first_ = "r=" + nonce_ + ",s=" + salt_text_ + ",i=" + std::to_string(iterations_);
  return std::nullopt;
}

std::optional<LoginError> ScramServer::read_client_final(std::string_view message) {
  if (!has_valid_size(message)) return malformed_scram("The message has an invalid length.");
  ScramReader reader(message);
  if (auto error = check_channel_binding(reader.expect('c'))) return error;
  const auto nonce = reader.expect('r');
  if (!nonce) return malformed_scram("Nonce expected in client-final-message.");
  if (!constant_time_equal(*nonce, nonce_)) {
    return LoginError{kProtocolViolation, "invalid SCRAM response", "Nonce does not match."};
  }
  auto attribute = reader.next();
  while (attribute && attribute->name != 'p' && attribute->name != 'm') attribute = reader.next();
  if (!attribute || attribute->name != 'p') return malformed_scram("Proof expected.");
  const auto proof = decode_base64(attribute->value);
  if (!proof || proof->size() != Sha256Digest::size()) {
    return malformed_scram("Malformed proof in client-final-message.");
  }
  if (!reader.at_end()) return malformed_scram("Garbage at the end of client-final-message.");
  std::copy(proof->begin(), proof->end(), proof_.data());
  client_final_without_proof_ = message.substr(0, attribute->begin - 1);
  return std::nullopt;
}

bool ScramServer::proof_matches(const Sha256Digest& stored_key) {
  const Sha256Digest signature = hmac_sha256(stored_key.bytes(), bytes_of(auth_message()));
  for (std::size_t i = 0; i < Sha256Digest::size(); ++i) {
    client_key_[i] = static_cast<std::uint8_t>(proof_[i] ^ signature[i]);
  }
  return stored_key_of(client_key_) == stored_key;
}

std::string ScramServer::server_final(const Sha256Digest& server_key) const {
  return "v=" + encode_base64(hmac_sha256(server_key.bytes(), bytes_of(auth_message())).bytes());
}

// A client that stands in front of another certificate talks to somebody in between.
std::optional<LoginError> ScramServer::check_channel_binding(
    std::optional<std::string_view> shown) const {
  const std::string expected = bound_ ? gs2_header_ + end_point_ : gs2_header_;
  if (shown == encode_base64(bytes_of(expected))) return std::nullopt;
  if (bound_) return LoginError{kInvalidAuthorization, "SCRAM channel binding check failed"};
  return protocol_violation("unexpected SCRAM channel-binding attribute in client-final-message");
}

std::string ScramServer::auth_message() const {
  return client_first_bare_ + ',' + server_first_ + ',' + client_final_without_proof_;
}

}  // namespace pgsaba::auth
