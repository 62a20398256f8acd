// Phrase: a statement of a few words, taken word by word. Lives for one text.
#pragma once

#include <string>
#include <string_view>

#include "sql/lexer.h"

namespace pgsaba::sql {

class Phrase {
 public:
  Phrase(std::string_view sql, const Dialect& dialect) : lexer_(sql, dialect) {
    advance();
    while (take(';')) {
    }
  }

  const Token& token() const { return token_; }
  Token peek() const { return Lexer(lexer_).next(); }
  void advance() {
    token_ = lexer_.next();
    broken_ = broken_ || token_.kind == TokenKind::kBroken;
  }

  bool at(Mark word) const { return token_.kind == TokenKind::kWord && token_.mark == word; }
  bool take(Mark word) { return take_if(at(word)); }
  bool take(char symbol) { return take_if(token_.is(symbol)); }
  bool take_operator(std::string_view text) {
    return take_if(token_.kind == TokenKind::kOperator && token_.text == text);
  }

  bool at_end() const { return token_.kind == TokenKind::kEnd || token_.is(';'); }
  // At the end of the text, too, but for semicolons; all of it was understood.
  bool at_last() const {
    Lexer lexer(lexer_);
    Token token = token_;
    while (token.is(';')) token = lexer.next();
    return token.kind == TokenKind::kEnd && !broken_;
  }

 private:
  bool take_if(bool fits) {
    if (fits) advance();
    return fits;
  }

  Lexer lexer_;
  Token token_;
  bool broken_ = false;
};

}  // namespace pgsaba::sql
