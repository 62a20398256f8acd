#include "scram_message.h"

#include <pgsaba/auth/base64.h>
#include <pgsaba/auth/digest.h>

#include <algorithm>
#include <array>

namespace pgsaba::auth {
namespace {

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

}  // namespace

std::optional<ScramAttribute> ScramReader::next() {
  const std::string_view rest = message_.substr(at_);
  if (rest.size() < 2 || !is_letter(rest[0]) || rest[1] != '=') return std::nullopt;
  const std::size_t end = std::min(rest.find(','), rest.size());
  const ScramAttribute attribute{rest[0], rest.substr(2, end - 2), at_};
  after_comma_ = end < rest.size();
  at_ += end + (after_comma_ ? 1 : 0);
  return attribute;
}

std::optional<std::string_view> ScramReader::expect(char name) {
  const auto attribute = next();
  if (!attribute || attribute->name != name || attribute->value.empty()) return std::nullopt;
  return attribute->value;
}

bool ScramReader::skip_extensions() {
  while (!at_end()) {
    const auto attribute = next();
    if (!attribute || attribute->name == 'm') return false;
  }
  return true;
}

bool is_scram_nonce(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(),
                                      [](char c) { return c > ' ' && c < 0x7f && c != ','; });
}

std::optional<std::string> make_scram_nonce() {
  std::array<std::uint8_t, 18> raw{};
  if (!random_bytes(raw).ok()) return std::nullopt;
  return encode_base64(raw);
}

}  // namespace pgsaba::auth
