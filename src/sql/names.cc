#include "sql/names.h"

#include <algorithm>

namespace pgsaba::sql {
namespace {

constexpr std::size_t kLongestName = 63;

bool is_high(char c) { return (static_cast<unsigned char>(c) & 0x80U) != 0; }

// In UTF-8 no character is cut in two: the cut moves to the front of one that lies across it.
void cut(std::string& name) {
  if (name.size() <= kLongestName) return;
  std::size_t length = kLongestName;
  while (length > kLongestName - 3 && (static_cast<unsigned char>(name[length]) & 0xC0U) == 0x80U)
    --length;
  const bool begins = (static_cast<unsigned char>(name[length]) & 0xC0U) == 0xC0U;
  name.resize(begins ? length : kLongestName);
}

// A quote within quotes is written twice.
std::string without_doubles(std::string_view text, char quote) {
  std::string name;
  for (std::size_t i = 0; i < text.size(); ++i) {
    name.push_back(text[i]);
    if (text[i] == quote) ++i;
  }
  return name;
}

int digit_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char letter = static_cast<char>(c | 0x20);
  return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : 16;
}

// Up to `most` digits, taken from the front.
std::optional<unsigned> take_number(std::string_view& text, int base, int most) {
  unsigned number = 0;
  int digits = 0;
  for (; digits < most && !text.empty() && digit_of(text[0]) < base; ++digits) {
    number = number * static_cast<unsigned>(base) + static_cast<unsigned>(digit_of(text[0]));
    text.remove_prefix(1);
  }
  if (digits == 0) return std::nullopt;
  return number;
}

bool append_byte(std::string& out, std::optional<unsigned> byte) {
  if (!byte || (*byte & 0xFFU) == 0) return false;
  out.push_back(static_cast<char>(*byte));
  return true;
}

// Only ASCII: how others look depends on the server's encoding.
bool append_code_point(std::string& out, std::string_view& text, int digits) {
  const std::size_t before = text.size();
  const auto code = take_number(text, 16, digits);
  if (!code || before - text.size() != static_cast<std::size_t>(digits) || *code >= 0x80)
    return false;
  return append_byte(out, code);
}

// Takes what follows a backslash. False: not to be understood here.
bool append_escaped(std::string& out, std::string_view& text) {
  if (text.empty()) return false;
  const char c = text[0];
  if (c >= '0' && c <= '7') return append_byte(out, take_number(text, 8, 3));
  text.remove_prefix(1);
  if (c == 'x' && !text.empty() && digit_of(text[0]) < 16)
    return append_byte(out, take_number(text, 16, 2));
  if (c == 'u' || c == 'U') return append_code_point(out, text, c == 'u' ? 4 : 8);
  constexpr std::string_view kLetters = "bfnrt";
  constexpr std::string_view kControls = "\b\f\n\r\t";
  const std::size_t control = kLetters.find(c);
  out.push_back(control == std::string_view::npos ? c : kControls[control]);
  return true;
}

// One piece of a string, from behind its opening quote; taken with its closing quote.
bool append_piece(std::string& out, std::string_view& text, bool escapes) {
  while (!text.empty()) {
    const char c = text[0];
    text.remove_prefix(1);
    if (c == '\'') {
      if (!text.starts_with('\'')) return true;
      text.remove_prefix(1);
      out.push_back(c);
    } else if (c == '\\' && escapes) {
      if (!append_escaped(out, text)) return false;
    } else {
      out.push_back(c);
    }
  }
  return false;
}

// Between the pieces stand blanks and comments, in which quotes may stand.
void skip_to_piece(std::string_view& text) {
  while (!text.empty() && text[0] != '\'') {
    if (text.starts_with("--"))
      text.remove_prefix(std::min(text.find_first_of("\r\n"), text.size()));
    else
      text.remove_prefix(1);
  }
}

std::string dollar_quoted(std::string_view text) {
  const std::size_t delimiter = text.find('$', 1) + 1;
  return std::string(text.substr(delimiter, text.size() - 2 * delimiter));
}

}  // namespace

std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (char& c : lower)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
  return lower;
}

std::optional<std::string> name_of(const Token& token) {
  std::string name;
  if (token.kind == TokenKind::kWord) {
    name = lower_case(token.text);
  } else if (token.kind == TokenKind::kQuotedName && token.text.front() == '"') {
    name = without_doubles(token.text.substr(1, token.text.size() - 2), '"');
  }
  if (name.empty()) return std::nullopt;
  cut(name);
  return name;
}

std::optional<std::string> constant_of(const Token& token, const Dialect& dialect) {
  std::string_view text = token.text;
  if (token.kind != TokenKind::kString) return std::nullopt;
  if (text[0] == '$') return dollar_quoted(text);
  const char prefix = static_cast<char>(text[0] | 0x20);
  if (prefix == 'b' || prefix == 'x' || prefix == 'u') return std::nullopt;
  const bool escapes = prefix == 'e' || !dialect.standard_strings;
  if (escapes && dialect.encoding != Encoding::kAsciiSafe && std::ranges::any_of(text, is_high))
    return std::nullopt;
  std::string value;
  for (skip_to_piece(text); !text.empty(); skip_to_piece(text)) {
    text.remove_prefix(1);
    if (!append_piece(value, text, escapes)) return std::nullopt;
  }
  return value;
}

}  // namespace pgsaba::sql
