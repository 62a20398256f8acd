#include "pgsaba/session/portable_session.h"

#include <algorithm>
#include <tuple>

#include "pgsaba/base/fields.h"

namespace pgsaba::session {
namespace {

constexpr std::size_t kLeastText = 8;  // its length
constexpr auto kLastEncoding = sql::Encoding::kJohab;
constexpr auto kLastMode = config::PoolMode::kStatement;

void write(FieldWriter& to, const server::Settings& settings) {
  to.number(settings.size());
  for (const server::Setting& setting : settings) to.text(setting.name).text(setting.value);
}

void write(FieldWriter& to, const std::vector<PortableSession::Statement>& statements) {
  to.number(statements.size());
  for (const auto& [name, rest] : statements) to.text(name).text(rest);
}

void write(FieldWriter& to, const std::optional<std::string>& text) {
  to.flag(text.has_value()).text(text.value_or(""));
}

// Settings are looked up by their order.
server::Settings read_settings(FieldReader& from) {
  server::Settings settings(from.count(2 * kLeastText));
  for (server::Setting& setting : settings) {
    setting.name = from.text();
    setting.value = from.text();
  }
  std::ranges::stable_sort(settings, {}, &server::Setting::name);
  return settings;
}

std::vector<PortableSession::Statement> read_statements(FieldReader& from) {
  std::vector<PortableSession::Statement> statements(from.count(2 * kLeastText));
  for (auto& [name, rest] : statements) {
    name = from.text();
    rest = from.text();
  }
  return statements;
}

std::optional<std::string> read_optional(FieldReader& from) {
  const bool there = from.flag();
  std::string text(from.text());
  return there ? std::optional(std::move(text)) : std::nullopt;
}

std::vector<std::string> read_channels(FieldReader& from) {
  std::vector<std::string> channels(from.count(kLeastText));
  for (std::string& channel : channels) channel = from.text();
  std::ranges::sort(channels);
  return channels;
}

// The text of a statement ends with a zero, and so does what a server would be told of it.
bool is_parse(const PortableSession::Statement& statement) {
  return statement.second.find('\0') != std::string::npos;
}

bool makes_sense(const PortableSession& session) {
  const auto& unnamed = session.unnamed;
  return !session.database.empty() && !session.user.empty() &&
         session.key.secret.size() <= wire::kMaxCancelSecretBytes &&
         std::ranges::all_of(session.statements, is_parse) &&
         std::ranges::all_of(session.sql_statements, is_parse) &&
         (!unnamed || unnamed->find('\0') != std::string::npos);
}

}  // namespace

bool PortableSession::operator==(const PortableSession& other) const {
  const auto all = [](const PortableSession& one) {
    return std::tie(one.database, one.user, one.key, one.dialect.standard_strings,
                    one.dialect.encoding, one.settings, one.login_settings, one.statements,
                    one.sql_statements, one.unnamed, one.channels, one.mark, one.begin_sql,
                    one.mode, one.reads_sequences, one.others_read_sequences, one.foresees,
                    one.connected_at, one.idle_since, one.transaction_at);
  };
  return all(*this) == all(other);
}

std::string pack(const PortableSession& session) {
  std::string bytes;
  FieldWriter to(bytes);
  to.number(PortableSession::kFormat).text(session.database).text(session.user);
  to.number(session.key.pid).text(session.key.secret);
  to.flag(session.dialect.standard_strings);
  to.byte(static_cast<std::uint8_t>(session.dialect.encoding));
  write(to, session.settings);
  write(to, session.login_settings);
  write(to, session.statements);
  write(to, session.sql_statements);
  write(to, session.unnamed);
  to.number(session.channels.size());
  for (const std::string& channel : session.channels) to.text(channel);
  to.text(session.mark);
  write(to, session.begin_sql);
  to.byte(static_cast<std::uint8_t>(session.mode));
  to.flag(session.reads_sequences).flag(session.others_read_sequences).flag(session.foresees);
  to.number(static_cast<std::uint64_t>(session.connected_at));
  to.number(static_cast<std::uint64_t>(session.idle_since));
  to.number(static_cast<std::uint64_t>(session.transaction_at));
  return bytes;
}

Result<PortableSession> unpack(std::string_view bytes) {
  FieldReader from(bytes);
  const std::uint64_t format = from.number();
  if (from.failed() || format != PortableSession::kFormat)
    return Error{"a session in format " + std::to_string(format) + ", not " +
                 std::to_string(PortableSession::kFormat)};
  PortableSession session;
  session.database = from.text();
  session.user = from.text();
  session.key.pid = static_cast<std::uint32_t>(from.number());
  session.key.secret = from.text();
  session.dialect.standard_strings = from.flag();
  const std::uint8_t encoding = from.byte();
  if (encoding > static_cast<std::uint8_t>(kLastEncoding)) return Error{"an unknown encoding"};
  session.dialect.encoding = static_cast<sql::Encoding>(encoding);
  session.settings = read_settings(from);
  session.login_settings = read_settings(from);
  session.statements = read_statements(from);
  session.sql_statements = read_statements(from);
  session.unnamed = read_optional(from);
  session.channels = read_channels(from);
  session.mark = from.text();
  session.begin_sql = read_optional(from);
  const std::uint8_t mode = from.byte();
  if (mode > static_cast<std::uint8_t>(kLastMode)) return Error{"an unknown pool mode"};
  session.mode = static_cast<config::PoolMode>(mode);
  session.reads_sequences = from.flag();
  session.others_read_sequences = from.flag();
  session.foresees = from.flag();
  session.connected_at = static_cast<Micros>(from.number());
  session.idle_since = static_cast<Micros>(from.number());
  session.transaction_at = static_cast<Micros>(from.number());
  if (!from.complete() || !makes_sense(session)) return Error{"a session that makes no sense"};
  return session;
}

}  // namespace pgsaba::session
