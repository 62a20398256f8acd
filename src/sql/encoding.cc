#include "pgsaba/sql/dialect.h"

namespace pgsaba::sql {

Encoding encoding_of(std::string_view client_encoding) {
  struct Row {
    std::string_view name;
    Encoding encoding;
  };
  static constexpr Row kRows[] = {
      {"SJIS", Encoding::kSjis},       {"SHIFT_JIS_2004", Encoding::kSjis},
      {"BIG5", Encoding::kBig5},       {"GBK", Encoding::kGbk},
      {"UHC", Encoding::kUhc},         {"JOHAB", Encoding::kJohab},
      {"GB18030", Encoding::kGb18030},
  };
  for (const Row& row : kRows)
    if (row.name == client_encoding) return row.encoding;
  return Encoding::kAsciiSafe;
}

}  // namespace pgsaba::sql
