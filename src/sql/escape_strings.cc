#include "pgsaba/sql/statement.h"
#include "sql/lexer.h"

namespace pgsaba::sql {
namespace {

bool continues_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '$' || static_cast<unsigned char>(c) >= 0x80;
}

// A constant with a backslash, as standard_conforming_strings says.
bool depends(const Token& token) {
  return token.kind == TokenKind::kString && token.text.front() == '\'' &&
         token.text.find('\\') != std::string_view::npos;
}

}  // namespace

std::optional<std::string> with_escape_strings(std::string_view sql, const Dialect& meant) {
  // In the other encodings a backslash may be half a character.
  if (sql.find('\\') == std::string_view::npos || meant.encoding != Encoding::kAsciiSafe)
    return std::nullopt;
  std::string out;
  std::size_t copied = 0;
  Lexer lexer(sql, meant);
  for (Token token = lexer.next(); token.kind != TokenKind::kEnd; token = lexer.next()) {
    if (token.kind == TokenKind::kBroken) return std::nullopt;
    if (!depends(token)) continue;
    const auto at = static_cast<std::size_t>(token.text.data() - sql.data());
    out.append(sql, copied, at - copied);
    if (!out.empty() && continues_word(out.back())) out.push_back(' ');
    out.push_back('E');
    for (const char c : token.text) out.append(c == '\\' && meant.standard_strings ? 2 : 1, c);
    copied = at + token.text.size();
  }
  if (copied == 0) return std::nullopt;
  return out.append(sql.substr(copied));
}

}  // namespace pgsaba::sql
