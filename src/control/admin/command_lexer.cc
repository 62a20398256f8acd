#include "command_lexer.h"

#include <optional>

namespace pgsaba::admin {
namespace {

constexpr std::string_view kSpaces = " \t\r\n\f\v";

bool is_word_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '.' || static_cast<unsigned char>(c) >= 0x80;
}

class CommandLexer {
 public:
  explicit CommandLexer(std::string_view text) : text_(text) {}

  Result<std::vector<Token>> run() {
    std::vector<Token> tokens;
    while (true) {
      if (!skip_blanks()) return Error{"unterminated /* comment"};
      if (at_ == text_.size()) return tokens;
      const std::size_t begin = at_;
      std::optional<Token> token = next();
      if (!token) return Error{"unterminated quoted text"};
      token->begin = begin;
      token->end = at_;
      tokens.push_back(std::move(*token));
    }
  }

 private:
  bool starts_with(std::string_view prefix) const { return text_.substr(at_).starts_with(prefix); }

  // False when a comment has no end.
  bool skip_blanks() {
    while (at_ < text_.size()) {
      if (kSpaces.find(text_[at_]) != std::string_view::npos) {
        ++at_;
      } else if (starts_with("--")) {
        at_ = std::min(text_.find('\n', at_), text_.size());
      } else if (starts_with("/*")) {
        const std::size_t end = text_.find("*/", at_ + 2);
        if (end == std::string_view::npos) return false;
        at_ = end + 2;
      } else {
        break;
      }
    }
    return true;
  }

  std::optional<Token> next() {
    const char first = text_[at_];
    if (first == '\'') return quoted(Token::Kind::kString, first);
    if (first == '"') return quoted(Token::Kind::kIdentifier, first);
    if (const std::size_t mark = dollar_mark(); mark > 0) return dollar_quoted(mark);
    Token token;
    while (at_ < text_.size() && continues_word()) token.text += text_[at_++];
    if (token.text.empty()) {
      token.kind = Token::Kind::kSymbol;
      token.text = text_[at_++];
    }
    return token;
  }

  // '-' belongs to names and negative numbers, but "--" begins a comment.
  bool continues_word() const {
    return is_word_char(text_[at_]) || (text_[at_] == '-' && !starts_with("--"));
  }

  // The bytes of the $$ or $tag$ that begins here; 0: none does.
  std::size_t dollar_mark() const {
    if (text_[at_] != '$') return 0;
    std::size_t end = at_ + 1;
    while (end < text_.size() && is_word_char(text_[end]) && text_[end] != '.') ++end;
    const bool number = end > at_ + 1 && text_[at_ + 1] >= '0' && text_[at_ + 1] <= '9';
    return end < text_.size() && text_[end] == '$' && !number ? end + 1 - at_ : 0;
  }

  std::optional<Token> dollar_quoted(std::size_t mark_bytes) {
    const std::string_view mark = text_.substr(at_, mark_bytes);
    const std::size_t begin = at_ + mark_bytes;
    const std::size_t end = text_.find(mark, begin);
    if (end == std::string_view::npos) return std::nullopt;
    Token token;
    token.kind = Token::Kind::kString;
    token.text = text_.substr(begin, end - begin);
    at_ = end + mark_bytes;
    return token;
  }

  // A quote is doubled to stand for itself.
  std::optional<Token> quoted(Token::Kind kind, char quote) {
    Token token;
    token.kind = kind;
    for (++at_; at_ < text_.size(); ++at_) {
      if (text_[at_] == quote) {
        if (at_ + 1 == text_.size() || text_[at_ + 1] != quote) {
          ++at_;
          return token;
        }
        ++at_;
      }
      token.text += text_[at_];
    }
    return std::nullopt;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

Result<std::vector<Token>> lex_command(std::string_view text) { return CommandLexer(text).run(); }

}  // namespace pgsaba::admin
