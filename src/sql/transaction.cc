#include "pgsaba/sql/statement.h"
#include "sql/phrase.h"

namespace pgsaba::sql {
namespace {

bool take_isolation_level(Phrase& phrase, TransactionModes& modes) {
  if (!phrase.take(Mark::kLevel)) return false;
  modes.isolation = true;
  modes.serializable = phrase.take(Mark::kSerializable);
  if (modes.serializable) return true;
  if (phrase.take(Mark::kRepeatable)) return phrase.take(Mark::kRead);
  return phrase.take(Mark::kRead) &&
         (phrase.take(Mark::kCommitted) || phrase.take(Mark::kUncommitted));
}

bool take_mode(Phrase& phrase, TransactionModes& modes) {
  if (phrase.take(Mark::kIsolation)) return take_isolation_level(phrase, modes);
  if (phrase.take(Mark::kRead)) {
    modes.read_only = phrase.take(Mark::kOnly);
    modes.read_write = !modes.read_only;
    return modes.read_only || phrase.take(Mark::kWrite);
  }
  phrase.take(Mark::kNot);
  return phrase.take(Mark::kDeferrable);
}

// Commas between modes may be missing.
bool take_modes(Phrase& phrase, TransactionModes& modes) {
  while (!phrase.at_end()) {
    if (modes.modes) phrase.take(',');
    if (!take_mode(phrase, modes)) return false;
    modes.modes = true;
  }
  return true;
}

// Up to the end of the statement.
std::optional<PlainEnd> take_end(Phrase& phrase) {
  PlainEnd end;
  end.commit = phrase.at(Mark::kCommit) || phrase.at(Mark::kEnd);
  if (!end.commit && !phrase.at(Mark::kRollback) && !phrase.at(Mark::kAbort)) return std::nullopt;
  phrase.advance();
  if (!phrase.take(Mark::kWork)) phrase.take(Mark::kTransaction);
  if (phrase.take(Mark::kAnd)) {
    end.chain = !phrase.take(Mark::kNo);
    if (!phrase.take(Mark::kChain)) return std::nullopt;
  }
  if (!phrase.at_end()) return std::nullopt;
  return end;
}

}  // namespace

std::optional<PlainBegin> plain_begin(std::string_view sql, const Dialect& dialect) {
  Phrase phrase(sql, dialect);
  PlainBegin begin;
  begin.start = phrase.take(Mark::kStart);
  if (begin.start) {
    if (!phrase.take(Mark::kTransaction)) return std::nullopt;
  } else {
    if (!phrase.take(Mark::kBegin)) return std::nullopt;
    if (!phrase.take(Mark::kWork)) phrase.take(Mark::kTransaction);
  }
  if (!take_modes(phrase, begin) || !phrase.at_last()) return std::nullopt;
  return begin;
}

std::optional<TransactionModes> plain_set_transaction(std::string_view sql,
                                                      const Dialect& dialect) {
  Phrase phrase(sql, dialect);
  TransactionModes modes;
  if (!phrase.take(Mark::kSet)) return std::nullopt;
  phrase.take(Mark::kLocal);
  if (!phrase.take(Mark::kTransaction) || !take_modes(phrase, modes)) return std::nullopt;
  if (!modes.modes || !phrase.at_last()) return std::nullopt;
  return modes;
}

std::optional<PlainEnd> plain_end(std::string_view sql, const Dialect& dialect) {
  Phrase phrase(sql, dialect);
  const auto end = take_end(phrase);
  return phrase.at_last() ? end : std::nullopt;
}

std::optional<PlainEnd> leading_end(std::string_view sql, const Dialect& dialect) {
  Phrase phrase(sql, dialect);
  return take_end(phrase);
}

}  // namespace pgsaba::sql
