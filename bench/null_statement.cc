#include "null_statement.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>

#include "null_settings.h"

namespace bench {
namespace {

constexpr std::size_t kMaxRowBytes = std::size_t{64} << 20U;

bool is_space(char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; }
bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }
char to_upper(char c) { return static_cast<char>(std::toupper(static_cast<unsigned char>(c))); }

// Takes the next word (or single other character) off the text, in upper case.
std::string take_word(std::string_view& text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  std::size_t size = 0;
  while (size < text.size() && is_word(text[size])) ++size;
  if (size == 0 && !text.empty()) size = 1;
  std::string word(text.substr(0, size));
  std::transform(word.begin(), word.end(), word.begin(), to_upper);
  text.remove_prefix(size);
  return word;
}

// `ROWS n BYTES m`, the null server's own way to ask for a large result.
bool read_rows(std::string_view rest, NullStatement& statement) {
  if (take_word(rest) != "ROWS") return false;
  statement.rows = std::strtoull(take_word(rest).c_str(), nullptr, 10);
  if (take_word(rest) != "BYTES") return false;
  const std::uint64_t bytes = std::strtoull(take_word(rest).c_str(), nullptr, 10);
  statement.row_bytes = std::min<std::size_t>(bytes, kMaxRowBytes);
  return statement.rows > 0;
}

// Takes `a.b`, `"a"."b"` or `TIME ZONE`.
std::string take_setting_name(std::string_view& text) {
  std::string name;
  const std::size_t begin = std::min(text.find_first_not_of(" \t\n"), text.size());
  text.remove_prefix(begin);
  const auto belongs = [](char c) { return is_word(c) || c == '.' || c == '"'; };
  while (!text.empty() && belongs(text.front())) {
    if (text.front() != '"') name.push_back(text.front());
    text.remove_prefix(1);
  }
  name = lower_case(name);
  if (name != "time") return name;
  take_word(text);  // ZONE
  return "timezone";
}

std::string unquoted(std::string_view text) {
  constexpr const char* kEdges = " '\t\n";
  const std::size_t begin = std::min(text.find_first_not_of(kEdges), text.size());
  const std::size_t end = std::min(text.find_last_not_of(kEdges) + 1, text.size());
  return begin < end ? std::string(text.substr(begin, end - begin)) : std::string();
}

bool is_one_of(const std::string& word, const auto& words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

NullStatement read_set(std::string_view rest) {
  using Kind = NullStatement::Kind;
  constexpr std::array<const char*, 4> kOthers = {"local", "transaction", "characteristics",
                                                  "authorization"};
  std::string name = take_setting_name(rest);
  if (name == "session") name = take_setting_name(rest);
  if (is_one_of(name, kOthers)) return {Kind::kCommand, "SET", {}, {}, 0, 0};
  std::string_view value = rest;
  const std::string separator = take_word(value);  // none behind TIME ZONE
  std::string text = unquoted(separator == "TO" || separator == "=" ? value : rest);
  const bool is_default = lower_case(text) == "default";
  return {is_default ? Kind::kReset : Kind::kSet, "SET", std::move(name), std::move(text), 0, 0};
}

NullStatement read_reset(std::string_view rest) {
  const std::string name = take_setting_name(rest);
  const auto kind = name == "all" ? NullStatement::Kind::kResetAll : NullStatement::Kind::kReset;
  return {kind, "RESET", name, {}, 0, 0};
}

// Takes everything up to the end of the next 'text'.
std::string take_literal(std::string_view& text) {
  std::string literal;
  std::size_t at = std::min(text.find('\''), text.size());
  for (++at; at < text.size(); ++at) {
    const bool is_quote = text[at] == '\'';
    if (is_quote && (at + 1 == text.size() || text[at + 1] != '\'')) break;
    if (is_quote) ++at;
    literal.push_back(text[at]);
  }
  text.remove_prefix(std::min(at + 1, text.size()));
  return literal;
}

// `set_config('name', 'value', ...)` and what a pooler asks to know a parameter.
bool read_function(std::string_view sql, NullStatement& statement) {
  const std::size_t set = sql.find("set_config(");
  const std::size_t ask = sql.find("current_setting(");
  if (set == std::string_view::npos && ask == std::string_view::npos) return false;
  std::string_view arguments = sql.substr(std::min(set, ask));
  statement.name = lower_case(take_literal(arguments));
  statement.kind = NullStatement::Kind::kShow;
  if (set != std::string_view::npos) {
    statement.kind = NullStatement::Kind::kSetConfig;
    statement.value = take_literal(arguments);
  } else if (sql.starts_with("SELECT 's',")) {
    statement.kind = NullStatement::Kind::kQuestion;
  }
  return true;
}

NullStatement read_show(std::string_view rest) {
  return {NullStatement::Kind::kShow, "SHOW", take_setting_name(rest), {}, 0, 0};
}

NullStatement read_query(std::string_view rest, std::string_view sql) {
  NullStatement statement{NullStatement::Kind::kRow, "SELECT 1", {}, "1", 0, 0};
  if (read_rows(rest, statement)) {
    statement.kind = NullStatement::Kind::kRows;
    statement.tag = "SELECT " + std::to_string(statement.rows);
  } else if (sql.find("pg_is_in_recovery") != std::string_view::npos) {
    statement.value = "f";
  } else {
    read_function(sql, statement);
  }
  return statement;
}

NullStatement read_copy(std::string_view rest) {
  NullStatement statement{NullStatement::Kind::kCommand, "COPY 0", {}, {}, 0, 0};
  if (read_rows(rest, statement)) {
    statement.kind = NullStatement::Kind::kCopyOut;
    statement.tag = "COPY " + std::to_string(statement.rows);
  }
  return statement;
}

NullStatement read_transaction(const std::string& word, std::string_view rest) {
  using Kind = NullStatement::Kind;
  if (word == "BEGIN") return {Kind::kBegin, "BEGIN", {}, {}, 0, 0};
  if (word == "START") return {Kind::kBegin, "START TRANSACTION", {}, {}, 0, 0};
  if (word == "COMMIT" || word == "END") return {Kind::kEnd, "COMMIT", {}, {}, 0, 0};
  std::string next = take_word(rest);
  if (next == "WORK" || next == "TRANSACTION") next = take_word(rest);
  return {next == "TO" ? Kind::kCommand : Kind::kEnd, "ROLLBACK", {}, {}, 0, 0};
}

NullStatement read_command(std::string word, std::string_view rest) {
  if (word == "INSERT") word = "INSERT 0 1";
  if (word == "UPDATE" || word == "DELETE") word += " 1";
  if (word == "DISCARD" || word == "DEALLOCATE") {
    if (take_word(rest) == "ALL") word += " ALL";
  }
  return {NullStatement::Kind::kCommand, std::move(word), {}, {}, 0, 0};
}

}  // namespace

NullStatement read_statement(std::string_view sql) {
  constexpr std::array<const char*, 4> kQueries = {"SELECT", "WITH", "VALUES", "TABLE"};
  constexpr std::array<const char*, 6> kTransaction = {"BEGIN", "START",    "COMMIT",
                                                       "END",   "ROLLBACK", "ABORT"};
  std::string_view rest = sql;
  std::string word = take_word(rest);
  if (word.empty()) return {};
  if (is_one_of(word, kQueries)) return read_query(rest, sql);
  if (is_one_of(word, kTransaction)) return read_transaction(word, rest);
  if (word == "SET") return read_set(rest);
  if (word == "RESET") return read_reset(rest);
  if (word == "SHOW") return read_show(rest);
  if (word == "COPY") return read_copy(rest);
  return read_command(std::move(word), rest);
}

std::vector<std::string_view> split_statements(std::string_view sql) {
  std::vector<std::string_view> statements;
  bool quoted = false;
  std::size_t begin = 0;
  for (std::size_t i = 0; i <= sql.size(); ++i) {
    if (i < sql.size() && sql[i] == '\'') quoted = !quoted;
    if (i < sql.size() && (sql[i] != ';' || quoted)) continue;
    const std::string_view piece = sql.substr(begin, i - begin);
    if (!std::all_of(piece.begin(), piece.end(), is_space)) statements.push_back(piece);
    begin = i + 1;
  }
  return statements;
}

std::uint16_t count_parameters(std::string_view sql) {
  unsigned long highest = 0;
  for (std::size_t at = sql.find('$'); at != std::string_view::npos; at = sql.find('$', at + 1)) {
    const std::string digits(sql.substr(at + 1, 4));
    highest = std::max(highest, std::strtoul(digits.c_str(), nullptr, 10));
  }
  return static_cast<std::uint16_t>(highest);
}

}  // namespace bench
