#include "pgsaba/sql/statement.h"
#include "sql/names.h"
#include "sql/phrase.h"

namespace pgsaba::sql {
namespace {

bool take_kind(Phrase& phrase) {
  return phrase.take(Mark::kRole) || phrase.take(Mark::kUser) || phrase.take(Mark::kGroup);
}

std::optional<std::string> take_name(Phrase& phrase) {
  auto name = name_of(phrase.token());
  if (name) phrase.advance();
  return name;
}

void read_create(Phrase& phrase, std::vector<std::string>& names) {
  if (auto name = take_name(phrase)) names.push_back(std::move(*name));
}

void read_drop(Phrase& phrase, std::vector<std::string>& names) {
  if (phrase.take(Mark::kIf)) phrase.take(Mark::kExists);
  do {
    if (auto name = take_name(phrase)) names.push_back(std::move(*name));
  } while (phrase.take(','));
}

void read_alter(Phrase& phrase, std::vector<std::string>& names) {
  auto name = take_name(phrase);
  if (!name || !phrase.take(Mark::kRename)) return;
  names.push_back(std::move(*name));
  phrase.take(Mark::kTo);
  read_create(phrase, names);
}

}  // namespace

std::vector<std::string> replaced_roles(std::string_view sql, const Dialect& dialect) {
  std::vector<std::string> names;
  Phrase phrase(sql, dialect);
  const auto over = [&phrase] {
    return phrase.token().kind == TokenKind::kEnd || phrase.token().kind == TokenKind::kBroken;
  };
  while (!over()) {
    if (phrase.take(Mark::kCreate)) {
      if (take_kind(phrase)) read_create(phrase, names);
    } else if (phrase.take(Mark::kDrop)) {
      if (take_kind(phrase)) read_drop(phrase, names);
    } else if (phrase.take(Mark::kAlter)) {
      if (take_kind(phrase)) read_alter(phrase, names);
    }
    while (!over() && !phrase.at_end()) phrase.advance();
    while (phrase.take(';')) {
    }
  }
  return names;
}

}  // namespace pgsaba::sql
