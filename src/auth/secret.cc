#include <pgsaba/auth/base64.h>
#include <pgsaba/auth/secret.h>

#include <charconv>
#include <optional>

namespace pgsaba::auth {
namespace {

constexpr std::string_view kMd5Prefix = "md5";
constexpr std::string_view kScramPrefix = "SCRAM-SHA-256$";
constexpr std::size_t kMaxSaltBytes = 1024;

// Cuts `text` at the first `separator`; the part behind it stays in `text`.
std::optional<std::string_view> cut(std::string_view& text, char separator) {
  const std::size_t at = text.find(separator);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view front = text.substr(0, at);
  text.remove_prefix(at + 1);
  return front;
}

bool read_iterations(std::string_view text, std::uint32_t& iterations) {
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, iterations);
  return error == std::errc() && stop == end && iterations >= 1 &&
         iterations <= kMaxScramIterations;
}

bool read_key(std::string_view text, Sha256Digest& key) {
  std::optional<std::string> bytes = decode_base64(text);
  const bool fits = bytes && bytes->size() == Sha256Digest::size();
  if (fits) std::copy(bytes->begin(), bytes->end(), key.data());
  if (bytes) wipe(bytes->data(), bytes->size());
  return fits;
}

std::optional<ScramVerifier> parse_verifier(std::string_view text) {
  const auto iterations = cut(text, ':');
  const auto salt_text = cut(text, '$');
  const auto stored_key = cut(text, ':');
  if (!iterations || !salt_text || !stored_key) return std::nullopt;
  const auto salt = decode_base64(*salt_text);
  ScramVerifier verifier;
  if (!salt || salt->empty() || salt->size() > kMaxSaltBytes ||
      !read_iterations(*iterations, verifier.iterations) ||
      !read_key(*stored_key, verifier.stored_key) || !read_key(text, verifier.server_key)) {
    return std::nullopt;
  }
  verifier.salt = SecretBytes(*salt);
  return verifier;
}

std::optional<Md5Secret> parse_md5(std::string_view text) {
  if (!text.starts_with(kMd5Prefix)) return std::nullopt;
  text.remove_prefix(kMd5Prefix.size());
  if (text.size() != Md5Hex::size() ||
      text.find_first_not_of("0123456789abcdef") != std::string_view::npos) {
    return std::nullopt;
  }
  Md5Secret secret;
  std::copy(text.begin(), text.end(), secret.hash.data());
  return secret;
}

struct Format {
  std::string operator()(const NoSecret&) const { return {}; }
  std::string operator()(const PlainSecret& secret) const {
    return std::string(secret.password.text());
  }
  std::string operator()(const Md5Secret& secret) const {
    return std::string(kMd5Prefix).append(secret.hash.text());
  }
  std::string operator()(const ScramVerifier& verifier) const {
    std::string text(kScramPrefix);
    text += std::to_string(verifier.iterations) + ':' + encode_base64(verifier.salt.bytes());
    text += '$' + encode_base64(verifier.stored_key.bytes());
    text += ':' + encode_base64(verifier.server_key.bytes());
    return text;
  }
};

}  // namespace

Result<Secret> parse_secret(std::string_view text) {
  if (text.empty()) return Secret{NoSecret{}};
  if (auto md5 = parse_md5(text)) return Secret{*md5};
  if (!text.starts_with(kScramPrefix)) return Secret{PlainSecret{SecretBytes(text)}};
  if (auto verifier = parse_verifier(text.substr(kScramPrefix.size()))) {
    return Secret{std::move(*verifier)};
  }
  return Error{"malformed SCRAM-SHA-256 secret",
               "copy it whole from pg_authid.rolpassword: "
               "SCRAM-SHA-256$<iterations>:<salt>$<stored key>:<server key>"};
}

std::string format_secret(const Secret& secret) { return std::visit(Format{}, secret); }

}  // namespace pgsaba::auth
