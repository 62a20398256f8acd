#include <algorithm>

#include "pgsaba/sql/statement.h"
#include "sql/names.h"

namespace pgsaba::sql {
namespace {

constexpr std::size_t kMostNames = 16;

bool begins_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}

bool continues_name(char c) { return begins_name(c) || (c >= '0' && c <= '9') || c == '$'; }

// How long the a.b.c is that the text begins with; 0 without a dot.
std::size_t dotted_size(std::string_view text) {
  std::size_t size = 0;
  std::size_t dots = 0;
  while (size < text.size() && begins_name(text[size])) {
    while (size < text.size() && continues_name(text[size])) ++size;
    if (size + 1 >= text.size() || text[size] != '.' || !begins_name(text[size + 1])) break;
    ++size;
    ++dots;
  }
  return dots > 0 ? size : 0;
}

// Behind a quote, or behind SET and blanks.
bool is_name_of_setting(std::string_view before, char after) {
  if (before.ends_with('\'')) return after == '\'';
  const std::size_t end = before.find_last_not_of(" \t\n\r");
  if (end == std::string_view::npos || end + 1 == before.size() || end < 2) return false;
  return lower_case(before.substr(end - 2, 3)) == "set";
}

}  // namespace

std::vector<std::string> hidden_settings(std::string_view sql) {
  std::vector<std::string> names;
  // Bodies of functions are long, and dots are rare in them.
  for (std::size_t from = 1; names.size() < kMostNames;) {
    const std::size_t dot = sql.find('.', from);
    if (dot == std::string_view::npos) break;
    std::size_t at = dot;
    while (at > from && continues_name(sql[at - 1])) --at;
    const bool begins = begins_name(sql[at]) && !continues_name(sql[at - 1]) && sql[at - 1] != '.';
    const std::size_t size = begins ? dotted_size(sql.substr(at)) : 0;
    from = size == 0 ? dot + 1 : at + size;
    const char after = from < sql.size() ? sql[from] : '\0';
    if (size == 0 || !is_name_of_setting(sql.substr(0, at), after)) continue;
    std::string name = lower_case(sql.substr(at, size));
    if (std::ranges::find(names, name) == names.end()) names.push_back(std::move(name));
  }
  return names;
}

}  // namespace pgsaba::sql
