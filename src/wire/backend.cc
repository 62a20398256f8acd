#include "pgsaba/wire/backend.h"

#include "pgsaba/wire/message_writer.h"

namespace pgsaba::wire {

void append_authentication(std::string& out, std::uint32_t code, std::string_view payload) {
  MessageWriter(out).begin('R').int32(code).raw(payload).end();
}

void append_parameter_status(std::string& out, std::string_view name, std::string_view value) {
  MessageWriter(out).begin('S').string(name).string(value).end();
}

void append_backend_key(std::string& out, const CancelKey& key) {
  MessageWriter(out).begin('K').int32(key.pid).raw(key.secret).end();
}

void append_ready(std::string& out, TransactionStatus status) {
  MessageWriter(out).begin('Z').byte(static_cast<char>(status)).end();
}

void append_command_complete(std::string& out, std::string_view tag) {
  MessageWriter(out).begin('C').string(tag).end();
}

void append_negotiate_version(std::string& out, std::uint32_t version,
                              const std::vector<std::string>& options) {
  MessageWriter writer(out);
  writer.begin('v').int32(version).int32(static_cast<std::uint32_t>(options.size()));
  for (const std::string& option : options) writer.string(option);
  writer.end();
}

std::optional<AuthenticationRequest> read_authentication(Bytes body) {
  if (body.size() < 4) return std::nullopt;
  return AuthenticationRequest{load_be32(body.data()), text_of(body.subspan(4))};
}

std::optional<std::pair<std::string_view, std::string_view>> read_parameter_status(Bytes body) {
  const std::string_view text = text_of(body);
  const std::size_t name_end = text.find('\0');
  if (name_end == std::string_view::npos) return std::nullopt;
  const std::size_t value_end = text.find('\0', name_end + 1);
  if (value_end == std::string_view::npos) return std::nullopt;
  return std::pair{text.substr(0, name_end), text.substr(name_end + 1, value_end - name_end - 1)};
}

std::optional<CancelKey> read_backend_key(Bytes body) {
  if (body.size() < 8 || body.size() > 4 + kMaxCancelSecretBytes) return std::nullopt;
  return CancelKey{load_be32(body.data()), std::string(text_of(body.subspan(4)))};
}

std::optional<TransactionStatus> read_ready(Bytes body) {
  if (body.size() != 1) return std::nullopt;
  switch (const char status = static_cast<char>(body[0])) {
    case 'I':
    case 'T':
    case 'E':
      return static_cast<TransactionStatus>(status);
    default:
      return std::nullopt;
  }
}

std::string_view read_channel(Bytes body) {
  constexpr std::size_t kProcess = 4;  // bytes of the sender's number
  const std::string_view text = text_of(body);
  if (text.size() < kProcess) return {};
  return text.substr(kProcess, text.substr(kProcess).find('\0'));
}

std::string_view read_payload(Bytes body) {
  constexpr std::size_t kProcess = 4;
  const std::size_t before = kProcess + read_channel(body).size() + 1;
  if (body.size() <= before) return {};
  const std::string_view text = text_of(body).substr(before);
  return text.substr(0, text.find('\0'));
}

std::string_view read_command_tag(Bytes body) {
  const std::string_view text = text_of(body);
  return text.substr(0, text.find('\0'));
}

}  // namespace pgsaba::wire
