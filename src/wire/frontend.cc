#include "pgsaba/wire/frontend.h"

#include "pgsaba/wire/message_writer.h"

namespace pgsaba::wire {
namespace {

constexpr std::uint32_t kCancelCode = 80877102;
constexpr std::uint32_t kSslCode = 80877103;

// The C string at `from`; nothing if it is not terminated.
std::optional<std::string_view> string_at(std::string_view body, std::size_t from) {
  const std::size_t end = body.find('\0', from);
  if (end == std::string_view::npos) return std::nullopt;
  return body.substr(from, end - from);
}

}  // namespace

void append_startup(std::string& out, std::uint32_t version, const ParameterList& parameters) {
  MessageWriter writer(out);
  writer.begin(0).int32(version);
  for (const auto& [name, value] : parameters) writer.string(name).string(value);
  writer.byte('\0').end();
}

void append_ssl_request(std::string& out) { MessageWriter(out).begin(0).int32(kSslCode).end(); }

void append_cancel_request(std::string& out, const CancelKey& key) {
  MessageWriter(out).begin(0).int32(kCancelCode).int32(key.pid).raw(key.secret).end();
}

void append_password(std::string& out, std::string_view payload) {
  MessageWriter(out).begin('p').raw(payload).end();
}

void append_query(std::string& out, std::string_view sql) {
  MessageWriter(out).begin('Q').string(sql).end();
}

void append_parse(std::string& out, std::string_view name, std::string_view rest) {
  MessageWriter(out).begin('P').string(name).raw(rest).end();
}

void append_bind_and_execute(std::string& out, std::string_view statement) {
  MessageWriter(out).begin('B').string("").string(statement).int16(0).int16(0).int16(0).end();
  MessageWriter(out).begin('E').string("").int32(0).end();
}

void append_close_statement(std::string& out, std::string_view name) {
  MessageWriter(out).begin('C').byte('S').string(name).end();
}

void append_close_portal(std::string& out, std::string_view name) {
  MessageWriter(out).begin('C').byte('P').string(name).end();
}

void append_describe_statement(std::string& out, std::string_view name) {
  MessageWriter(out).begin('D').byte('S').string(name).end();
}

void append_sync(std::string& out) { MessageWriter(out).begin('S').end(); }

void append_flush(std::string& out) { MessageWriter(out).begin('H').end(); }

void append_terminate(std::string& out) { MessageWriter(out).begin('X').end(); }

void append_copy_fail(std::string& out, std::string_view why) {
  MessageWriter(out).begin('f').string(why).end();
}

std::optional<ParseNames> read_parse(Bytes body) {
  const std::string_view text = text_of(body);
  const auto statement = string_at(text, 0);
  if (!statement) return std::nullopt;
  const std::string_view rest = text.substr(statement->size() + 1);
  const auto query = string_at(rest, 0);
  if (!query || rest.size() < query->size() + 3) return std::nullopt;
  return ParseNames{*statement, rest};
}

std::optional<BindNames> read_bind(Bytes body) {
  const std::string_view text = text_of(body);
  const auto portal = string_at(text, 0);
  if (!portal) return std::nullopt;
  const auto statement = string_at(text, portal->size() + 1);
  if (!statement) return std::nullopt;
  return BindNames{*portal, *statement, portal->size() + statement->size() + 2};
}

std::optional<ObjectName> read_object(Bytes body) {
  const std::string_view text = text_of(body);
  if (text.size() < 2 || (text[0] != 'S' && text[0] != 'P')) return std::nullopt;
  const auto name = string_at(text, 1);
  if (!name || name->size() + 2 != text.size()) return std::nullopt;
  return ObjectName{text[0], *name};
}

}  // namespace pgsaba::wire
