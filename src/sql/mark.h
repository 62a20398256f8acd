// Mark: what a token means to its neighbours. Pure.
#pragma once

#include <cstdint>
#include <string_view>

namespace pgsaba::sql {

enum class Mark : std::uint16_t {
  kBeginning,                // of a statement: no token stands there
  kIdentifier,               // that is no keyword, or is quoted, or stands behind a dot
  kConstant,                 // also $1 and ]
  kSign,                     // an operator, also : and [
  kOpening,                  // (
  kClosing,                  // )
  kClosingBeforeExpression,  // ) of DISTINCT ON (…), OPERATOR(…), RETURNING WITH (…)
  kComma,
  kDot,
  kTypecast,  // ::
#define PGSABA_KEYWORD(name, text, reservation) name,
#include "sql/keywords.inc"
#undef PGSABA_KEYWORD
};

// How far a keyword is reserved: kFree may name anything, kColumn no function, kType a function or
// type but no column, kReserved only what follows AS or a dot.
enum class Reservation : std::uint8_t { kFree, kColumn, kType, kReserved };

// Without quotes, in any case; kIdentifier if it is no keyword.
Mark keyword_of(std::string_view word);
Reservation reservation_of(Mark keyword);  // kFree for what is no keyword

}  // namespace pgsaba::sql
