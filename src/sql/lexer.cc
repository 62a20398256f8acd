#include "sql/lexer.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "sql/word_index.h"

namespace pgsaba::sql {
namespace {

enum class Kind : std::uint8_t {
  kOther,
  kBlank,
  kLetter,
  kDigit,
  kDollar,
  kOperator,
  kSymbol,
  kQuote,
  kDoubleQuote
};

constexpr std::array<Kind, 256> kKinds = [] {
  std::array<Kind, 256> kinds{};
  const auto fill = [&kinds](std::string_view characters, Kind kind) {
    for (const char c : characters) kinds[static_cast<std::uint8_t>(c)] = kind;
  };
  fill(" \t\n\r\f\v", Kind::kBlank);
  fill("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_", Kind::kLetter);
  std::fill(kinds.begin() + 0x80, kinds.end(), Kind::kLetter);
  fill("0123456789", Kind::kDigit);
  fill("$", Kind::kDollar);
  fill("~!@#^&|`?+-*/%<>=", Kind::kOperator);
  fill("()[],;.:", Kind::kSymbol);
  fill("'", Kind::kQuote);
  fill("\"", Kind::kDoubleQuote);
  return kinds;
}();

Kind kind_of(char c) { return kKinds[static_cast<std::uint8_t>(c)]; }
bool is_digit(char c) { return kind_of(c) == Kind::kDigit; }
bool ends_line(char c) { return c == '\n' || c == '\r'; }

constexpr std::array<bool, 256> kInWords = [] {
  std::array<bool, 256> in_words{};
  for (std::size_t c = 0; c < in_words.size(); ++c)
    in_words[c] =
        kKinds[c] == Kind::kLetter || kKinds[c] == Kind::kDigit || kKinds[c] == Kind::kDollar;
  return in_words;
}();

bool continues_word(char c) { return kInWords[static_cast<std::uint8_t>(c)]; }

const char* find(const char* at, const char* end, char c) {
  return static_cast<const char*>(std::memchr(at, c, static_cast<std::size_t>(end - at)));
}

const char* end_of_digits(const char* at, const char* end) {
  while (at < end && is_digit(*at)) ++at;
  return at;
}

Mark mark_of_symbol(char symbol) {
  switch (symbol) {
    case '(':
      return Mark::kOpening;
    case ')':
      return Mark::kClosing;
    case ',':
      return Mark::kComma;
    case '.':
      return Mark::kDot;
    case ']':
      return Mark::kConstant;
    default:
      return Mark::kSign;
  }
}

// Several characters end in + or - only if one of them is rare: 'a=-1' is a = (-1).
const char* without_signs(const char* begin, const char* end) {
  if (std::string_view(begin, end).find_first_of("~!@#^&|`?%") != std::string_view::npos)
    return end;
  while (end - begin > 1 && (end[-1] == '+' || end[-1] == '-')) --end;
  return end;
}

// Of a whole comment, from /* to */.
RouteHint hint_of(std::string_view comment) {
  std::string_view text = comment.substr(2, comment.size() - 4);
  while (!text.empty() && kind_of(text.front()) == Kind::kBlank) text.remove_prefix(1);
  while (!text.empty() && kind_of(text.back()) == Kind::kBlank) text.remove_suffix(1);
  if (same_word(text, "pgsaba:primary")) return RouteHint::kPrimary;
  if (same_word(text, "pgsaba:replica")) return RouteHint::kReplica;
  return RouteHint::kNone;
}

}  // namespace

Token Lexer::next() {
  if (at_ < end_ && *at_ == ' ') ++at_;
  if (at_ < end_ && kind_of(*at_) == Kind::kLetter) return word();
  if (!skip_blanks()) return broken();
  if (at_ == end_) return {};
  switch (kind_of(*at_)) {
    case Kind::kLetter:
      return word();
    case Kind::kDigit:
      return number();
    case Kind::kDollar:
      return dollar();
    case Kind::kOperator:
      return operation();
    case Kind::kQuote:
      return string(at_, !dialect_.standard_strings);
    case Kind::kDoubleQuote:
      return quoted_name(at_);
    case Kind::kSymbol:
      if (*at_ == '.' && end_ - at_ > 1 && is_digit(at_[1])) return number();
      if (*at_ == ':' && end_ - at_ > 1 && at_[1] == ':')
        return take(at_ + 2, TokenKind::kSymbol, Mark::kTypecast);
      return take(at_ + 1, TokenKind::kSymbol, mark_of_symbol(*at_));
    default:
      return broken();
  }
}

Token Lexer::take(const char* end, TokenKind kind, Mark mark) {
  const Token token{kind, mark, {at_, end}};
  at_ = end;
  return token;
}

// The rest is one token, and nothing follows.
Token Lexer::broken() { return take(end_, TokenKind::kBroken, Mark::kSign); }

bool Lexer::skip_blanks() {
  for (;;) {
    while (at_ < end_ && kind_of(*at_) == Kind::kBlank) ++at_;
    if (end_ - at_ < 2) return true;
    if (at_[0] == '-' && at_[1] == '-') {
      at_ = std::find_if(at_, end_, ends_line);
    } else if (at_[0] == '/' && at_[1] == '*') {
      if (!skip_block_comment()) return false;
    } else {
      return true;
    }
  }
}

// Comments nest. Every begin or end has an asterisk; `done` keeps one from counting twice.
bool Lexer::skip_block_comment() {
  const char* done = at_ + 2;
  for (int depth = 1; depth > 0;) {
    const char* star = find(done, end_, '*');
    while (star != nullptr && !(star > done && star[-1] == '/') &&
           !(star + 1 < end_ && star[1] == '/'))
      star = find(star + 1, end_, '*');
    if (star == nullptr) return false;
    const bool begins = star > done && star[-1] == '/';
    depth += begins ? 1 : -1;
    done = star + (begins ? 1 : 2);
  }
  if (hint_ == RouteHint::kNone) hint_ = hint_of({at_, done});
  at_ = done;
  return true;
}

// In an encoding that only clients may use.
std::size_t Lexer::character_bytes(const char* at) const {
  const auto first = static_cast<std::uint8_t>(*at);
  if (first < 0x80) return 1;
  std::size_t bytes = 2;
  if (dialect_.encoding == Encoding::kSjis && first >= 0xA1 && first <= 0xDF) bytes = 1;
  if (dialect_.encoding == Encoding::kJohab && first == 0x8F) bytes = 3;
  if (dialect_.encoding == Encoding::kGb18030 && end_ - at > 1 && is_digit(at[1])) bytes = 4;
  return std::min(bytes, static_cast<std::size_t>(end_ - at));
}

const char* Lexer::end_of_word(const char* at) const {
  const char* const end = end_;
  if (dialect_.encoding == Encoding::kAsciiSafe) {
    while (at < end && continues_word(*at)) ++at;
  } else {
    while (at < end && continues_word(*at)) at += character_bytes(at);
  }
  return at;
}

Token Lexer::word() {
  const char* end = end_of_word(at_);
  if (end < end_ && end - at_ == 1) {
    const char letter = static_cast<char>(*at_ | 0x20);
    if (*end == '\'' && (letter == 'e' || letter == 'b' || letter == 'x' || letter == 'n'))
      return string(end, letter == 'e' || (letter == 'n' && !dialect_.standard_strings));
    if (letter == 'u' && *end == '&' && end_ - end > 1) {
      if (end[1] == '\'') return string(end + 1, false);
      if (end[1] == '"') return quoted_name(end + 1);
    }
  }
  return take(end, TokenKind::kWord, keyword_of({at_, end}));
}

Token Lexer::number() {
  const char* end = end_of_digits(at_, end_);
  if (end < end_ && *end == '.' && !(end_ - end > 1 && end[1] == '.'))
    end = end_of_digits(end + 1, end_);
  if (end < end_ && (*end == 'e' || *end == 'E')) {
    const char* exponent = end + 1;
    if (exponent < end_ && (*exponent == '+' || *exponent == '-')) ++exponent;
    if (exponent < end_ && is_digit(*exponent)) end = end_of_digits(exponent, end_);
  }
  return take(end, TokenKind::kNumber, Mark::kConstant);
}

// $1 or $tag$ … $tag$
Token Lexer::dollar() {
  if (end_ - at_ > 1 && is_digit(at_[1]))
    return take(end_of_digits(at_ + 1, end_), TokenKind::kParameter, Mark::kConstant);
  const char* tag = at_ + 1;
  while (tag < end_ && (kind_of(*tag) == Kind::kLetter || is_digit(*tag)))
    tag += dialect_.encoding == Encoding::kAsciiSafe ? 1 : character_bytes(tag);
  if (tag == end_ || *tag != '$') return broken();
  const std::string_view delimiter(at_, tag + 1);
  const std::string_view rest(tag + 1, end_);
  const std::size_t length = rest.find(delimiter);
  if (length == std::string_view::npos) return broken();
  return take(rest.data() + length + delimiter.size(), TokenKind::kString, Mark::kConstant);
}

// Comments begin in the midst of operators.
Token Lexer::operation() {
  const char* end = at_;
  for (; end < end_ && kind_of(*end) == Kind::kOperator; ++end) {
    const bool two = end_ - end > 1;
    if (two && ((end[0] == '-' && end[1] == '-') || (end[0] == '/' && end[1] == '*'))) break;
  }
  return take(without_signs(at_, end), TokenKind::kOperator, Mark::kSign);
}

Token Lexer::quoted_name(const char* quote) {
  const char* at = quote + 1;
  for (;;) {
    at = find(at, end_, '"');
    if (at == nullptr) return broken();
    if (++at == end_ || *at != '"') return take(at, TokenKind::kQuotedName, Mark::kIdentifier);
    ++at;
  }
}

Token Lexer::string(const char* quote, bool escapes) {
  const char* end = end_of_string(quote + 1, escapes);
  return end == nullptr ? broken() : take(end, TokenKind::kString, Mark::kConstant);
}

// From behind the opening quote to behind the closing one; nullptr if there is none.
const char* Lexer::end_of_string(const char* at, bool escapes) const {
  for (;;) {
    at = escapes ? end_of_escaped_string(at) : find(at, end_, '\'');
    if (at == nullptr) return nullptr;
    ++at;
    if (at < end_ && *at == '\'') {
      ++at;
      continue;
    }
    const char* next = continuation(at);
    if (next == nullptr) return at;
    at = next;
  }
}

// The next quote that no backslash stands in front of; nullptr if there is none.
const char* Lexer::end_of_escaped_string(const char* at) const {
  if (dialect_.encoding != Encoding::kAsciiSafe) {
    for (; at < end_ && *at != '\''; at += character_bytes(at))
      if (*at == '\\' && ++at == end_) return nullptr;
    return at < end_ ? at : nullptr;
  }
  const char* quote = find(at, end_, '\'');
  while (quote != nullptr) {
    const char* backslash = find(at, quote, '\\');
    if (backslash == nullptr) return quote;
    at = backslash + 2;
    if (at > quote) quote = find(at, end_, '\'');
  }
  return nullptr;
}

// A string goes on in the next line. Behind the quote with which it does so, or nullptr.
const char* Lexer::continuation(const char* at) const {
  bool new_line = false;
  for (; at < end_; ++at) {
    if (end_ - at > 1 && at[0] == '-' && at[1] == '-') at = std::find_if(at, end_, ends_line);
    if (at == end_ || kind_of(*at) != Kind::kBlank) break;
    new_line = new_line || ends_line(*at);
  }
  return new_line && at < end_ && *at == '\'' ? at + 1 : nullptr;
}

}  // namespace pgsaba::sql
