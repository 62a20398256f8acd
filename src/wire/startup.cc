#include "pgsaba/wire/startup.h"

#include <algorithm>

namespace pgsaba::wire {
namespace {

constexpr std::uint32_t kCancelCode = 80877102;
constexpr std::uint32_t kSslCode = 80877103;
constexpr std::uint32_t kGssCode = 80877104;

// Takes a C string off `rest`; nothing if its terminator is missing.
std::optional<std::string> take_string(Bytes& rest) {
  const auto end = std::find(rest.begin(), rest.end(), std::uint8_t{0});
  if (end == rest.end()) return std::nullopt;
  std::string text(rest.begin(), end);
  rest = rest.subspan(text.size() + 1);
  return text;
}

StartupPacket parse_parameters(std::uint32_t version, Bytes rest) {
  StartupMessage startup;
  startup.version = version;
  while (!rest.empty() && rest.front() != 0) {
    auto name = take_string(rest);
    auto value = name ? take_string(rest) : std::nullopt;
    if (!value)
      return BrokenStartup{"invalid startup packet layout: expected terminator as last byte"};
    startup.parameters.emplace_back(std::move(*name), std::move(*value));
  }
  if (rest.size() != 1)
    return BrokenStartup{"invalid startup packet layout: expected terminator as last byte"};
  return startup;
}

StartupPacket parse_cancel(Bytes rest) {
  if (rest.size() < 8 || rest.size() > 4 + kMaxCancelSecretBytes)
    return BrokenStartup{"invalid length of cancel request"};
  return CancelRequest{{load_be32(rest.data()), std::string(text_of(rest.subspan(4)))}};
}

StartupPacket parse_packet(std::uint32_t code, Bytes rest) {
  if (code == kCancelCode) return parse_cancel(rest);
  if (code == kSslCode || code == kGssCode) {
    if (!rest.empty()) return BrokenStartup{"invalid length of startup packet"};
    return code == kSslCode ? StartupPacket{SslRequest{}} : StartupPacket{GssRequest{}};
  }
  // Another major version is answered by version, whatever its packet looks like inside.
  if ((code >> 16) != 3) return StartupMessage{code, {}};
  return parse_parameters(code, rest);
}

}  // namespace

const std::string* StartupMessage::find(std::string_view name) const {
  for (const auto& [key, value] : parameters)
    if (key == name) return &value;
  return nullptr;
}

std::optional<CutStartup> cut_startup(Bytes input) {
  if (input.size() < 4) return std::nullopt;
  const std::uint32_t length = load_be32(input.data());
  if (length < 8 || length > kMaxStartupBytes)
    return CutStartup{BrokenStartup{"invalid length of startup packet"}, input.size()};
  if (input.size() < length) return std::nullopt;
  const Bytes packet = input.first(length);
  return CutStartup{parse_packet(load_be32(packet.data() + 4), packet.subspan(8)), length};
}

}  // namespace pgsaba::wire
