#include "session/deallocate.h"

#include <algorithm>

namespace pgsaba::session {
namespace {

constexpr std::string_view kBlanks = " \t\n\r\f\v";

void skip_blanks(std::string_view& sql) {
  sql.remove_prefix(std::min(sql.find_first_not_of(kBlanks), sql.size()));
}

bool is_letter(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return (byte | 0x20U) - 'a' < 26U || byte == '_' || byte >= 0x80;
}

// Only ASCII letters are folded: what becomes of others depends on the server's encoding, and such
// a name is found if it was written in lower case.
char folded(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

std::string take_word(std::string_view& sql) {
  std::string word;
  while (!sql.empty()) {
    const char c = sql.front();
    const bool inner = (c >= '0' && c <= '9') || c == '$';
    if (!is_letter(c) && (word.empty() || !inner)) break;
    word.push_back(folded(c));
    sql.remove_prefix(1);
  }
  return word;
}

std::optional<std::string> take_quoted(std::string_view& sql) {
  std::string name;
  sql.remove_prefix(1);
  while (!sql.empty()) {
    const char c = sql.front();
    sql.remove_prefix(1);
    if (c == '"') {
      if (!sql.starts_with('"')) return name;
      sql.remove_prefix(1);
    }
    name.push_back(c);
  }
  return std::nullopt;
}

bool at_end(std::string_view sql) { return sql.find_first_not_of(" \t\n\r\f\v;") == sql.npos; }

}  // namespace

std::optional<std::string> deallocated_name(std::string_view sql) {
  skip_blanks(sql);
  if (take_word(sql) != "deallocate") return std::nullopt;
  skip_blanks(sql);
  std::optional<std::string> name;
  for (int words = 0; words < 2; ++words) {
    const bool quoted = sql.starts_with('"');
    name = quoted ? take_quoted(sql) : take_word(sql);
    skip_blanks(sql);
    // PREPARE is a noise word, unless it is the name.
    if (quoted || name != "prepare" || at_end(sql)) {
      if (!quoted && name == "all") return std::nullopt;
      break;
    }
  }
  if (!name || name->empty() || !at_end(sql)) return std::nullopt;
  return name;
}

}  // namespace pgsaba::session
