// The words of a console statement. Any thread; tokens that are not quoted borrow nothing: they are
// copies, few and short.
// Wider than PgBouncer's console: comments are skipped, since drivers and tools put them in front
// of statements, and names may hold '-' and '.' without quotes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "pgsaba/base/result.h"

namespace pgsaba::admin {

struct Token {
  enum class Kind : std::uint8_t { kWord, kIdentifier, kString, kSymbol };
  Kind kind = Kind::kWord;
  std::string text;  // quotes removed, which may be dollars: $$…$$, $tag$…$tag$
  std::size_t begin = 0;
  std::size_t end = 0;  // in the statement's text

  bool is_symbol(char symbol) const { return kind == Kind::kSymbol && text[0] == symbol; }
  bool is_name() const { return kind == Kind::kWord || kind == Kind::kIdentifier; }
};

// Fails only on a quote or comment without an end.
Result<std::vector<Token>> lex_command(std::string_view text);

}  // namespace pgsaba::admin
