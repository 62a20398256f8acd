// Dialect: what changes how a server reads the text of a statement. Source: "Lexical Structure" of
// the manual, src/backend/parser/scan.l, and pg_encoding_mblen for the encodings that only clients
// may use. A value; any thread.
#pragma once

#include <cstdint>
#include <string_view>

namespace pgsaba::sql {

// How bytes form characters. In the encodings that only clients may use, the second byte of a
// character can look like a quote's backslash or a letter.
enum class Encoding : std::uint8_t {
  kAsciiSafe,  // UTF8, LATIN1, EUC_JP …: a byte below 0x80 is always a character of its own
  kSjis,       // SJIS, SHIFT_JIS_2004
  kBig5,
  kGbk,
  kUhc,
  kGb18030,
  kJohab,
};
// By the name that ParameterStatus client_encoding shows.
Encoding encoding_of(std::string_view client_encoding);

struct Dialect {
  bool standard_strings = true;  // standard_conforming_strings
  Encoding encoding = Encoding::kAsciiSafe;
};

}  // namespace pgsaba::sql
