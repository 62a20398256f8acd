#include "session/lease_traces.h"

#include <algorithm>
#include <charconv>

#include "pgsaba/wire/frame.h"
#include "pgsaba/wire/frontend.h"
#include "pgsaba/wire/row.h"

namespace pgsaba::session {
namespace {

namespace effect = sql::effect;

// Everything is qualified: the client's search_path must not decide what is asked.
constexpr std::string_view kAskTemporary =
    "SELECT 't' WHERE pg_catalog.pg_my_temp_schema() OPERATOR(pg_catalog.<>) 0 AND EXISTS "
    "(SELECT FROM pg_catalog.pg_depend WHERE refclassid OPERATOR(pg_catalog.=) "
    "2615 AND refobjid OPERATOR(pg_catalog.=) pg_catalog.pg_my_temp_schema());";
constexpr std::string_view kAskLocks =
    "SELECT 'l' WHERE EXISTS (SELECT FROM pg_catalog.pg_locks WHERE locktype "
    "OPERATOR(pg_catalog.=) 'advisory' AND pid OPERATOR(pg_catalog.=) "
    "pg_catalog.pg_backend_pid());";
constexpr std::string_view kAskCursors =
    "SELECT 'c' WHERE EXISTS (SELECT FROM pg_catalog.pg_cursors WHERE is_holdable);";
constexpr std::string_view kAskChannels =
    "SELECT 'n', c FROM pg_catalog.pg_listening_channels() AS c;";
constexpr std::string_view kAskPrepared =
    "SELECT 'p', name, statement, from_sql, parameter_types::pg_catalog.oid[] FROM "
    "pg_catalog.pg_prepared_statements WHERE pg_catalog.left(name, 8) OPERATOR(pg_catalog.<>) "
    "'_pgsaba_';";
// Lists no custom parameters, and not who the session acts as.
constexpr std::string_view kAskSettings =
    "SELECT 'a';SELECT 's', name, setting FROM pg_catalog.pg_settings WHERE source "
    "OPERATOR(pg_catalog.=) 'session' AND context OPERATOR(pg_catalog.<>) 'internal';";

std::string literal(std::string_view text) {
  std::string out = " E'";
  for (const char c : text) out.append(c == '\'' || c == '\\' ? 2 : 1, c);
  return out + "'";
}

bool unlisted(std::string_view name) {
  return name == "role" || name == "session_authorization" || server::is_custom(name);
}

void ask_setting(std::string& sql, std::string_view name) {
  const std::string quoted = literal(name);
  sql += "SELECT 's'," + quoted + ",pg_catalog.current_setting(" + quoted + ",true);";
}

// One statement for all of them costs the server a tenth of one for each.
void ask_settings(std::string& sql, const std::vector<std::string>& names) {
  sql += "SELECT 's',n,pg_catalog.current_setting(n,true) FROM (VALUES";
  for (const std::string& name : names)
    sql.append(&name == &names.front() ? "(" : ",(").append(literal(name)) += ")";
  sql += ") AS v(n);";
}

bool calls_set_config(std::string_view sql) {
  constexpr std::string_view kCall = "set_config";
  const auto same = [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a + 32 : a) == b; };
  return std::search(sql.begin(), sql.end(), kCall.begin(), kCall.end(), same) != sql.end();
}

}  // namespace

void LeaseTraces::touch(const sql::TouchedSetting& touched, std::optional<Bytes> bind) {
  std::string name = touched.name;
  if (touched.parameter > 0) {
    const auto value = bind ? wire::bind_parameter(*bind, touched.parameter) : std::nullopt;
    if (!value) {
      effects_ |= effect::kAnySetting;
      return;
    }
    name = server::lower_case(*value);
  }
  if (std::ranges::find(names_, name) == names_.end()) names_.push_back(std::move(name));
}

// Names of parameters that only code out of sight may make something of.
void LeaseTraces::suspect(std::string_view sql, std::optional<Bytes> bind) {
  constexpr std::uint16_t kMostParameters = 16;
  std::string texts(sql);
  for (std::uint16_t n = 1; bind && n <= kMostParameters; ++n)
    if (const auto value = wire::bind_parameter(*bind, n)) texts.append(" '").append(*value) += "'";
  for (std::string& name : sql::hidden_settings(texts))
    if (std::ranges::find(names_, name) == names_.end()) names_.push_back(std::move(name));
}

void LeaseTraces::add(std::string_view sql, sql::Effects effects, const sql::Dialect& dialect,
                      std::optional<Bytes> bind) {
  effects_ |= effects;
  if ((effects & (effect::kUnknownCode | effect::kAnySetting)) != 0) suspect(sql, bind);
  if ((effects & effect::kAnySetting) != 0 && calls_set_config(sql)) computes_names_ = true;
  if ((effects & effect::kListen) != 0) {
    sql::Unlistened more = sql::unlistened(sql, dialect);
    if (more.all || !more.channels.empty()) given_up_.push_back({std::move(more), {}});
  }
  if ((effects & effect::kSetting) == 0) return;
  plain_ = sql::plain_setting(sql, dialect);
  if (plain_) {
    if (std::ranges::find(names_, plain_->name) == names_.end()) names_.push_back(plain_->name);
    return;
  }
  for (const sql::TouchedSetting& touched : sql::touched_settings(sql, dialect))
    touch(touched, bind);
}

void LeaseTraces::bind_portal(std::string_view portal, std::string_view text) {
  if (!text.empty()) {
    portals_.insert_or_assign(std::string(portal), std::string(text));
  } else if (const auto bound = portals_.find(portal); bound != portals_.end()) {
    portals_.erase(bound);
  }
}

const std::string* LeaseTraces::text_of_portal(std::string_view portal) const {
  const auto bound = portals_.find(portal);
  return bound == portals_.end() ? nullptr : &bound->second;
}

std::string LeaseTraces::mark_last_given_up() {
  given_up_.back().marker = std::string(kMarkerPrefix) + std::to_string(given_up_.size());
  return given_up_.back().marker;
}

const sql::PlainSetting* LeaseTraces::sole_setting(std::uint32_t statements) const {
  const bool sole = statements == 1 && confirmed_ == 1 && effects_ == effect::kSetting;
  return sole && plain_ ? &*plain_ : nullptr;
}

// Each once.
std::vector<std::string> LeaseTraces::unlisted_names(const server::SettingsRef& known,
                                                     const std::vector<std::string>& custom) const {
  std::vector<std::string> names = {"role", "session_authorization"};
  names.insert(names.end(), custom.begin(), custom.end());
  names.insert(names.end(), names_.begin(), names_.end());
  if (known)
    for (const server::Setting& setting : *known) names.push_back(setting.name);
  std::erase_if(names, [](const std::string& name) { return !unlisted(name); });
  std::ranges::sort(names);
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

std::string LeaseTraces::question(const server::SettingsRef& known,
                                  const std::vector<std::string>& custom) const {
  std::string sql;
  const bool anything = (effects_ & effect::kUnknownCode) != 0;
  const auto wants = [&](sql::Effects effect) { return anything || (effects_ & effect) != 0; };
  if (wants(effect::kAnySetting)) {
    sql += kAskSettings;
    ask_settings(sql, unlisted_names(known, custom));
  } else {
    for (const std::string& name : names_) ask_setting(sql, name);
  }
  if (wants(effect::kTemporary)) sql += kAskTemporary;
  if (wants(effect::kAdvisoryLock)) sql += kAskLocks;
  if (wants(effect::kHeldCursor)) sql += kAskCursors;
  if (wants(effect::kListen)) sql += kAskChannels;
  if (wants(effect::kPrepared)) sql += kAskPrepared;
  return sql;
}

Pins decided_pins(sql::Effects effects) {
  Pins pins;
  const bool anything = (effects & effect::kUnknownCode) != 0;
  const auto decide = [&](sql::Effects effect, PinReason reason) {
    if (anything || (effects & effect) != 0) pins.set(reason);
  };
  decide(effect::kTemporary, PinReason::kTemporary);
  decide(effect::kAdvisoryLock, PinReason::kAdvisoryLock);
  decide(effect::kHeldCursor, PinReason::kHeldCursor);
  decide(effect::kListen, PinReason::kListen);
  decide(effect::kPrepared, PinReason::kPrepared);
  return pins;
}

std::optional<wire::ErrorFields> error_in(Bytes frames) {
  wire::FrameReader reader(wire::Direction::kFromServer);
  for (std::size_t at = 0; at < frames.size();) {
    const wire::Piece piece = reader.next(frames.subspan(at), 0);
    if (piece.kind != wire::Piece::Kind::kFrame || !piece.complete) break;
    at += piece.bytes.size();
    if (piece.tag == 'E') return wire::read_error(piece.body());
  }
  return std::nullopt;
}

bool StateAnswer::mentions(std::string_view name) const {
  return std::ranges::any_of(settings, [name](const auto& one) { return one.first == name; });
}

namespace {

// "{23,25}" as Parse carries parameter types.
void append_types(std::string& rest, std::string_view array) {
  std::vector<std::uint32_t> types;
  for (std::size_t at = 1; at + 1 < array.size();) {
    const std::size_t end = std::min(array.find_first_of(",}", at), array.size());
    std::uint32_t type = 0;
    std::from_chars(array.data() + at, array.data() + end, type);
    types.push_back(type);
    at = end + 1;
  }
  const auto append = [&rest](std::uint32_t value, unsigned bytes) {
    for (unsigned shift = bytes * 8; shift > 0; shift -= 8)
      rest.push_back(static_cast<char>(value >> (shift - 8) & 0xffU));
  };
  append(static_cast<std::uint32_t>(types.size()), 2);
  for (const std::uint32_t type : types) append(type, 4);
}

using Row = std::vector<std::optional<std::string_view>>;

PreparedThere read_prepared(const Row& row, const sql::Dialect& dialect) {
  PreparedThere one{std::string(*row[1]), row[3] == "t", std::nullopt};
  if (!one.by_sql) {
    one.rest = std::string(*row[2]) + '\0';
    append_types(*one.rest, *row[4]);
    return one;
  }
  // The text is that of the whole string, which may have more statements.
  const auto command = sql::prepare_of(one.name, *row[2], dialect);
  if (!command) return one;
  one.rest = std::string(command->query) + '\0';
  append_types(*one.rest, *row[4]);
  return one;
}

}  // namespace

StateAnswer read_answer(Bytes frames, const sql::Dialect& dialect) {
  StateAnswer answer;
  wire::FrameReader reader(wire::Direction::kFromServer);
  for (std::size_t at = 0; at < frames.size();) {
    const wire::Piece piece = reader.next(frames.subspan(at), 0);
    answer.failed |= piece.kind != wire::Piece::Kind::kFrame || !piece.complete || piece.tag == 'E';
    if (piece.kind != wire::Piece::Kind::kFrame || !piece.complete) break;
    at += piece.bytes.size();
    if (piece.tag != 'D') continue;
    const auto row = wire::read_row(piece.body());
    if (row.empty() || !row[0] || row[0]->empty()) continue;
    const auto text = [&row](std::size_t column) {
      return column < row.size() && row[column] ? std::string(*row[column]) : std::string();
    };
    switch (row[0]->front()) {
      case 'a':
        answer.all_settings = true;
        break;
      case 's':
        if (row.size() == 3)
          answer.settings.emplace_back(server::lower_case(text(1)),
                                       row[2] ? std::optional<std::string>(text(2)) : std::nullopt);
        break;
      case 't':
        answer.pins.set(PinReason::kTemporary);
        break;
      case 'l':
        answer.pins.set(PinReason::kAdvisoryLock);
        break;
      case 'c':
        answer.pins.set(PinReason::kHeldCursor);
        break;
      case 'n':
        answer.channels.push_back(text(1));
        if (!answer.channels.back().starts_with(kMarkerPrefix)) answer.pins.set(PinReason::kListen);
        break;
      case 'p':
        if (row.size() == 5 && row[1] && row[2] && row[3] && row[4])
          answer.prepared.push_back(read_prepared(row, dialect));
        break;
      default:
        break;
    }
  }
  return answer;
}

}  // namespace pgsaba::session
