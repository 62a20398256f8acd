#include <algorithm>

#include "pgsaba/sql/statement.h"
#include "sql/names.h"
#include "sql/phrase.h"

namespace pgsaba::sql {
namespace {

// Parameters whose values are names to be quoted (GUC_LIST_QUOTE in guc.c): set_config would take
// several of them for one.
bool holds_names(std::string_view name) {
  return name == "search_path" || name == "temp_tablespaces" ||
         name.ends_with("_preload_libraries") || name == "unix_socket_directories";
}

// These are more than parameters.
bool is_special(std::string_view name) {
  return name == "role" || name == "session_authorization" || name == "seed" ||
         name == "transaction_isolation" || name == "transaction_read_only" ||
         name == "transaction_deferrable";
}

bool may_name_parameter(const Token& token) {
  if (token.kind == TokenKind::kQuotedName) return true;
  if (token.kind != TokenKind::kWord) return false;
  const Reservation reserved = reservation_of(token.mark);
  return reserved == Reservation::kFree || reserved == Reservation::kColumn;
}

// a, a.b, a.b.c; empty if there is none.
std::string take_parameter(Phrase& phrase) {
  std::string name;
  do {
    const auto part = may_name_parameter(phrase.token()) ? name_of(phrase.token()) : std::nullopt;
    if (!part) return {};
    if (!name.empty()) name += '.';
    name += lower_case(*part);
    phrase.advance();
  } while (phrase.take('.'));
  return name;
}

// PostgreSQL prints what fits into an integer without leading zeros.
std::string plain_number(std::string_view text) {
  const bool integer = text.find_first_not_of("0123456789") == std::string_view::npos;
  if (integer) text.remove_prefix(std::min(text.find_first_not_of('0'), text.size() - 1));
  return std::string(text);
}

std::optional<std::string> take_number(Phrase& phrase) {
  const bool negative = phrase.take_operator("-");
  if (!negative) phrase.take_operator("+");
  if (phrase.token().kind != TokenKind::kNumber) return std::nullopt;
  std::string number = plain_number(phrase.token().text);
  phrase.advance();
  return negative && number != "0" ? "-" + number : number;
}

// A string, a number, or a word; TRUE, FALSE and ON are the only reserved ones.
std::optional<std::string> take_value(Phrase& phrase, const Dialect& dialect) {
  const Token token = phrase.token();
  std::optional<std::string> value;
  if (token.kind == TokenKind::kString) {
    value = constant_of(token, dialect);
  } else if (token.is_name()) {
    const bool reserved =
        token.kind == TokenKind::kWord && reservation_of(token.mark) == Reservation::kReserved &&
        token.mark != Mark::kTrue && token.mark != Mark::kFalse && token.mark != Mark::kOn;
    value = reserved ? std::nullopt : name_of(token);
  } else {
    return take_number(phrase);
  }
  if (value) phrase.advance();
  return value;
}

using Setting = std::optional<PlainSetting>;

Setting to_default(std::string name) { return PlainSetting{std::move(name), std::nullopt}; }

Setting to_value(std::string name, std::optional<std::string> value) {
  if (!value) return std::nullopt;
  return PlainSetting{std::move(name), std::move(value)};
}

Setting read_time_zone(Phrase& phrase, const Dialect& dialect) {
  if (!phrase.take(Mark::kZone)) return std::nullopt;
  if (phrase.take(Mark::kDefault) || phrase.take(Mark::kLocal)) return to_default("timezone");
  const Token& token = phrase.token();
  if (token.is_name() && token.mark != Mark::kIdentifier) return std::nullopt;
  return to_value("timezone", take_value(phrase, dialect));
}

Setting read_names(Phrase& phrase, const Dialect& dialect) {
  if (phrase.take(Mark::kDefault) || phrase.at_end()) return to_default("client_encoding");
  if (phrase.token().kind != TokenKind::kString) return std::nullopt;
  return to_value("client_encoding", take_value(phrase, dialect));
}

bool is_assignment(const Token& token) {
  return token.is('.') || token.mark == Mark::kTo ||
         (token.kind == TokenKind::kOperator && token.text == "=");
}

Setting read_set(Phrase& phrase, const Dialect& dialect) {
  if (phrase.at(Mark::kSession) && !is_assignment(phrase.peek())) phrase.advance();
  if (!is_assignment(phrase.peek())) {
    if (phrase.take(Mark::kTime)) return read_time_zone(phrase, dialect);
    if (phrase.take(Mark::kNames)) return read_names(phrase, dialect);
    return std::nullopt;
  }
  std::string name = take_parameter(phrase);
  if (!phrase.take(Mark::kTo) && !phrase.take_operator("=")) return std::nullopt;
  if (phrase.take(Mark::kDefault)) return to_default(std::move(name));
  if (holds_names(name)) return std::nullopt;
  return to_value(std::move(name), take_value(phrase, dialect));
}

Setting read_reset(Phrase& phrase) {
  const Token second = phrase.peek();
  if (phrase.at(Mark::kAll) && !second.is('.')) return std::nullopt;
  if (phrase.at(Mark::kTime) && second.mark == Mark::kZone) {
    phrase.advance();
    phrase.advance();
    return to_default("timezone");
  }
  return to_default(take_parameter(phrase));
}

}  // namespace

std::optional<std::string> shown_setting(std::string_view sql, const Dialect& dialect) {
  if (sql.find('\0') != std::string_view::npos) return std::nullopt;
  Phrase phrase(sql, dialect);
  if (!phrase.take(Mark::kShow)) return std::nullopt;
  const bool zone = phrase.at(Mark::kTime) && phrase.peek().mark == Mark::kZone;
  if (zone) phrase.advance();
  std::string name = take_parameter(phrase);
  if (zone) name = name == "zone" ? "timezone" : "";
  if (name.empty() || !phrase.at_last()) return std::nullopt;
  return name;
}

std::optional<PlainSetting> plain_setting(std::string_view sql, const Dialect& dialect) {
  if (sql.find('\0') != std::string_view::npos) return std::nullopt;
  Phrase phrase(sql, dialect);
  Setting setting;
  if (phrase.take(Mark::kSet)) {
    setting = read_set(phrase, dialect);
  } else if (phrase.take(Mark::kReset)) {
    setting = read_reset(phrase);
  }
  if (!setting || setting->name.empty() || is_special(setting->name) || !phrase.at_last())
    return std::nullopt;
  return setting;
}

}  // namespace pgsaba::sql
