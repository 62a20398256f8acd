#include "pgsaba/sql/statement.h"
#include "sql/phrase.h"

namespace pgsaba::sql {

bool defines_database(std::string_view sql, const Dialect& dialect) {
  Phrase phrase(sql, dialect);
  const bool verb =
      phrase.take(Mark::kDrop) || phrase.take(Mark::kAlter) || phrase.take(Mark::kCreate);
  return verb && phrase.at(Mark::kDatabase);
}

}  // namespace pgsaba::sql
