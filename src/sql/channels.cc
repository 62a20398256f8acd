#include "pgsaba/sql/statement.h"
#include "sql/names.h"
#include "sql/phrase.h"

namespace pgsaba::sql {

Unlistened unlistened(std::string_view sql, const Dialect& dialect) {
  Unlistened found;
  Phrase phrase(sql, dialect);
  while (phrase.token().kind != TokenKind::kEnd && phrase.token().kind != TokenKind::kBroken) {
    if (phrase.take(Mark::kUnlisten)) {
      if (phrase.take_operator("*")) {
        found.all = true;
      } else if (auto name = name_of(phrase.token())) {
        found.channels.push_back(std::move(*name));
      }
    } else if (phrase.take(Mark::kDiscard)) {
      found.all = found.all || phrase.at(Mark::kAll);
    }
    while (!phrase.at_end() && phrase.token().kind != TokenKind::kBroken) phrase.advance();
    while (phrase.take(';')) {
    }
  }
  return found;
}

}  // namespace pgsaba::sql
