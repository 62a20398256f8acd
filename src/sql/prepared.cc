#include "pgsaba/sql/statement.h"
#include "sql/names.h"
#include "sql/phrase.h"

namespace pgsaba::sql {
namespace {

using Verb = PreparedCommand::Verb;
using Found = std::optional<PreparedCommand>;

const char* end_of(std::string_view text) { return text.data() + text.size(); }

// The name of a statement, taken.
Found take_name(Phrase& phrase, Verb verb) {
  const Token& token = phrase.token();
  if (!token.is_name()) return std::nullopt;
  if (token.kind == TokenKind::kWord) {
    const Reservation reserved = reservation_of(token.mark);
    if (reserved == Reservation::kReserved || reserved == Reservation::kType) return std::nullopt;
  }
  auto name = name_of(token);
  if (!name) return std::nullopt;
  phrase.advance();
  return PreparedCommand{verb, std::move(*name), {}, {}};
}

// From behind ( to in front of the ) that belongs to it; both are taken.
std::optional<std::string_view> take_parentheses(Phrase& phrase) {
  const char* begin = end_of(phrase.token().text);
  int depth = 0;
  do {
    if (phrase.token().kind == TokenKind::kEnd || phrase.token().kind == TokenKind::kBroken)
      return std::nullopt;
    depth += phrase.token().is('(') ? 1 : 0;
    depth -= phrase.token().is(')') ? 1 : 0;
    const char* end = phrase.token().text.data();
    phrase.advance();
    if (depth == 0) return std::string_view(begin, end);
  } while (true);
}

// The rest of the statement, without what blanks and semicolons stand around it.
std::string_view take_rest(Phrase& phrase) {
  const char* begin = phrase.token().text.data();
  const char* end = begin;
  for (int depth = 0; phrase.token().kind != TokenKind::kEnd; phrase.advance()) {
    if (depth <= 0 && phrase.at_end()) break;
    depth += phrase.token().is('(') ? 1 : 0;
    depth -= phrase.token().is(')') ? 1 : 0;
    end = end_of(phrase.token().text);
  }
  return {begin, end};
}

Found read_prepare(Phrase& phrase) {
  auto command = take_name(phrase, Verb::kPrepare);
  if (!command) return std::nullopt;
  if (phrase.token().is('(')) {
    const auto types = take_parentheses(phrase);
    if (!types) return std::nullopt;
    command->types = *types;
  }
  if (!phrase.take(Mark::kAs) || phrase.at_end()) return std::nullopt;
  command->query = take_rest(phrase);
  return command;
}

// Behind EXECUTE; CREATE TABLE … AS EXECUTE may say WITH DATA.
Found read_execute(Phrase& phrase, bool table) {
  auto command = take_name(phrase, Verb::kExecute);
  if (!command) return std::nullopt;
  if (phrase.token().is('(') && !take_parentheses(phrase)) return std::nullopt;
  if (table && phrase.take(Mark::kWith)) {
    phrase.take(Mark::kNo);
    if (!phrase.take(Mark::kData)) return std::nullopt;
  }
  return phrase.at_end() ? command : std::nullopt;
}

Found read_deallocate(Phrase& phrase) {
  if (phrase.at(Mark::kPrepare) && phrase.peek().is_name()) phrase.advance();
  if (phrase.take(Mark::kAll)) return PreparedCommand{Verb::kDeallocateAll, {}, {}, {}};
  return take_name(phrase, Verb::kDeallocate);
}

// CREATE [TEMP …] TABLE … AS EXECUTE
Found read_create(Phrase& phrase) {
  for (; !phrase.at_end(); phrase.advance())
    if (phrase.at(Mark::kAs) && phrase.peek().mark == Mark::kExecute) {
      phrase.advance();
      phrase.advance();
      return read_execute(phrase, true);
    }
  return std::nullopt;
}

Found read_explain(Phrase& phrase) {
  if (phrase.token().is('(')) {
    if (!take_parentheses(phrase)) return std::nullopt;
  } else {
    while (phrase.take(Mark::kAnalyze) || phrase.take(Mark::kAnalyse) ||
           phrase.take(Mark::kVerbose)) {
    }
  }
  if (phrase.take(Mark::kExecute)) return read_execute(phrase, false);
  if (phrase.take(Mark::kCreate)) return read_create(phrase);
  return std::nullopt;
}

Found read_command(Phrase& phrase) {
  if (phrase.take(Mark::kPrepare)) return read_prepare(phrase);
  if (phrase.take(Mark::kExecute)) return read_execute(phrase, false);
  if (phrase.take(Mark::kDeallocate)) return read_deallocate(phrase);
  if (phrase.take(Mark::kExplain)) return read_explain(phrase);
  if (phrase.take(Mark::kCreate)) return read_create(phrase);
  return std::nullopt;
}

// PREPARE, taken, unless it is that of a transaction.
bool take_prepare(Phrase& phrase) {
  if (!phrase.take(Mark::kPrepare)) return false;
  return !(phrase.at(Mark::kTransaction) && phrase.peek().kind == TokenKind::kString);
}

// Calls visit(phrase) at the beginning of each statement. False: the text cannot be read.
template <class Visit>
bool for_each_statement(Phrase& phrase, Visit visit) {
  const auto broken = [&] { return phrase.token().kind == TokenKind::kBroken; };
  while (phrase.token().kind != TokenKind::kEnd && !broken()) {
    visit(phrase);
    while (!phrase.at_end() && !broken()) phrase.advance();
    while (phrase.take(';')) {
    }
  }
  return phrase.at_last();
}

}  // namespace

std::optional<PreparedCommand> prepare_of(std::string_view name, std::string_view sql,
                                          const Dialect& dialect) {
  Phrase whole(sql, dialect);
  Found found;
  bool forgotten = false;  // behind it
  bool doubtful = false;
  const bool readable = for_each_statement(whole, [&](Phrase& phrase) {
    if (!take_prepare(phrase)) {
      forgotten = forgotten || phrase.at(Mark::kDeallocate) || phrase.at(Mark::kDiscard);
      return;
    }
    auto command = read_prepare(phrase);
    if (command && command->name != name) return;
    doubtful = doubtful || !command || (found && forgotten);
    if (found || !command) return;  // it is a duplicate
    found = std::move(command);
    forgotten = false;
  });
  return readable && !doubtful ? found : std::nullopt;
}

NameChanges name_changes(std::string_view sql, const Dialect& dialect) {
  Phrase whole(sql, dialect);
  NameChanges changes;
  for_each_statement(whole, [&](Phrase& phrase) {
    Found command;
    if (take_prepare(phrase)) {
      command = take_name(phrase, Verb::kPrepare);
    } else if (phrase.take(Mark::kDeallocate)) {
      command = read_deallocate(phrase);
    } else if (phrase.take(Mark::kDiscard)) {
      changes.all = changes.all || phrase.at(Mark::kAll);
    }
    if (!command) return;
    if (command->verb == Verb::kDeallocateAll) {
      changes.all = true;
    } else if (!changes.has(command->name)) {
      changes.names.push_back(std::move(command->name));
    }
  });
  return changes;
}

std::optional<PreparedCommand> prepared_command(std::string_view sql, const Dialect& dialect) {
  Phrase phrase(sql, dialect);
  auto command = read_command(phrase);
  return phrase.at_last() ? command : std::nullopt;
}

}  // namespace pgsaba::sql
