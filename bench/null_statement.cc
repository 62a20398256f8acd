#include "null_statement.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>

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

NullStatement read_set(std::string_view rest) {
  NullStatement statement{NullStatement::Kind::kSet, "SET", {}, {}, 0, 0};
  statement.name = take_word(rest);
  take_word(rest);  // = or TO
  const std::size_t begin = std::min(rest.find_first_not_of(" '\t\n"), rest.size());
  const std::size_t end = std::min(rest.find_last_not_of(" '\t\n") + 1, rest.size());
  if (begin < end) statement.value = rest.substr(begin, end - begin);
  return statement;
}

NullStatement read_query(const std::string& word, std::string_view rest, std::string_view sql) {
  NullStatement statement{
      NullStatement::Kind::kRow, word == "SHOW" ? "SHOW" : "SELECT 1", {}, "1", 0, 0};
  if (read_rows(rest, statement)) {
    statement.kind = NullStatement::Kind::kRows;
    statement.tag = "SELECT " + std::to_string(statement.rows);
  } else if (sql.find("pg_is_in_recovery") != std::string_view::npos) {
    statement.value = "f";
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

bool is_one_of(const std::string& word, const auto& words) {
  return std::find(words.begin(), words.end(), word) != words.end();
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
  constexpr std::array<const char*, 5> kQueries = {"SELECT", "SHOW", "WITH", "VALUES", "TABLE"};
  constexpr std::array<const char*, 6> kTransaction = {"BEGIN", "START",    "COMMIT",
                                                       "END",   "ROLLBACK", "ABORT"};
  std::string_view rest = sql;
  std::string word = take_word(rest);
  if (word.empty()) return {};
  if (is_one_of(word, kQueries)) return read_query(word, rest, sql);
  if (is_one_of(word, kTransaction)) return read_transaction(word, rest);
  if (word == "SET") return read_set(rest);
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
