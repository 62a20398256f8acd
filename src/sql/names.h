// Names and string constants as the server takes them: folded, unescaped. Pure.
#pragma once

#include <optional>
#include <string>

#include "pgsaba/sql/dialect.h"
#include "sql/lexer.h"

namespace pgsaba::sql {

// PostgreSQL folds only ASCII letters where characters have several bytes; we always do.
std::string lower_case(std::string_view text);

// What a quoted name or a word without quotes names, cut to the length that PostgreSQL keeps.
// Nothing for U&"…" and "".
std::optional<std::string> name_of(const Token& token);

// The value of a string constant. Nothing for bits and U&'…', for what the server would refuse, and
// for backslashes among characters of an encoding that only clients may use.
std::optional<std::string> constant_of(const Token& token, const Dialect& dialect);

}  // namespace pgsaba::sql
