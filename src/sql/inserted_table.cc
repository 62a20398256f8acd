#include "pgsaba/sql/statement.h"
#include "sql/phrase.h"

namespace pgsaba::sql {
namespace {

constexpr int kMostWords = 64;  // in front of it: a WITH may stand there

}  // namespace

std::string_view inserted_table(std::string_view sql, const Dialect& dialect) {
  Phrase phrase(sql, dialect);
  for (int words = 0; !phrase.take(Mark::kInto); ++words) {
    if (words == kMostWords || phrase.token().kind == TokenKind::kEnd) return {};
    phrase.advance();
  }
  const char* begin = phrase.token().text.data();
  const char* end = begin;
  while (phrase.token().is_name()) {
    end = phrase.token().text.data() + phrase.token().text.size();
    phrase.advance();
    if (!phrase.take('.')) break;
  }
  return {begin, static_cast<std::size_t>(end - begin)};
}

}  // namespace pgsaba::sql
