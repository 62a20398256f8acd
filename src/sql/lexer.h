// Lexer: cuts the text of a query into tokens, as PostgreSQL's own scanner does. Source:
// src/backend/parser/scan.l. A value over borrowed text: copy it to look ahead. Never reads past
// the end, never allocates.
#pragma once

#include <cstdint>
#include <string_view>

#include "pgsaba/sql/access.h"
#include "pgsaba/sql/dialect.h"
#include "sql/mark.h"

namespace pgsaba::sql {

enum class TokenKind : std::uint8_t {
  kEnd,
  kWord,        // an identifier without quotes, or a keyword
  kQuotedName,  // "x" and U&"x"
  kString,      // 'x', E'x', B'x', X'x', N'x', U&'x' with what continues it, and $tag$x$tag$
  kNumber,
  kParameter,  // $1
  kOperator,
  kSymbol,  // ( ) [ ] , ; . : ::
  kBroken,  // a quote or comment that does not end, or a character that has no meaning in SQL
};

struct Token {
  TokenKind kind = TokenKind::kEnd;
  Mark mark = Mark::kBeginning;  // a word is a keyword here even where its place makes it a name
  std::string_view text;

  bool is(char symbol) const { return kind == TokenKind::kSymbol && text.front() == symbol; }
  bool is_name() const { return kind == TokenKind::kWord || kind == TokenKind::kQuotedName; }
};

class Lexer {
 public:
  Lexer(std::string_view sql, const Dialect& dialect)
      : at_(sql.data()), end_(sql.data() + sql.size()), dialect_(dialect) {}

  Token next();
  RouteHint hint() const { return hint_; }  // of the comments so far

 private:
  bool skip_blanks();  // and comments; false: one does not end
  bool skip_block_comment();
  Token take(const char* end, TokenKind kind, Mark mark);
  Token broken();
  Token word();
  Token number();
  Token dollar();
  Token operation();
  Token quoted_name(const char* quote);
  Token string(const char* quote, bool escapes);
  const char* end_of_word(const char* at) const;
  const char* end_of_string(const char* at, bool escapes) const;
  const char* end_of_escaped_string(const char* at) const;
  const char* continuation(const char* at) const;
  std::size_t character_bytes(const char* at) const;

  const char* at_;
  const char* end_;
  Dialect dialect_;
  RouteHint hint_ = RouteHint::kNone;
};

}  // namespace pgsaba::sql
