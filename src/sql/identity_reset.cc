#include "pgsaba/sql/statement.h"
#include "sql/phrase.h"

namespace pgsaba::sql {
namespace {

// SET [SESSION] ROLE [TO] NONE | DEFAULT, SET [SESSION] SESSION AUTHORIZATION DEFAULT; not LOCAL.
IdentityReset read_set(Phrase& phrase) {
  if (phrase.at(Mark::kSession) && phrase.peek().mark != Mark::kAuthorization) phrase.advance();
  if (phrase.take(Mark::kRole)) {
    if (!phrase.take(Mark::kTo)) phrase.take_operator("=");
    const bool none = phrase.take(Mark::kNone) || phrase.take(Mark::kDefault);
    return none ? IdentityReset::kRole : IdentityReset::kNone;
  }
  const bool all = phrase.take(Mark::kSession) && phrase.take(Mark::kAuthorization) &&
                   phrase.take(Mark::kDefault);
  return all ? IdentityReset::kAll : IdentityReset::kNone;
}

IdentityReset read_reset(Phrase& phrase) {
  if (phrase.take(Mark::kRole)) return IdentityReset::kRole;
  const bool all = phrase.take(Mark::kSession) && phrase.take(Mark::kAuthorization);
  return all ? IdentityReset::kAll : IdentityReset::kNone;
}

}  // namespace

IdentityReset identity_reset(std::string_view sql, const Dialect& dialect) {
  Phrase phrase(sql, dialect);
  auto reset = IdentityReset::kNone;
  if (phrase.take(Mark::kSet)) {
    reset = read_set(phrase);
  } else if (phrase.take(Mark::kReset)) {
    reset = read_reset(phrase);
  } else if (phrase.take(Mark::kDiscard) && phrase.take(Mark::kAll)) {
    reset = IdentityReset::kAll;
  }
  return phrase.at_last() ? reset : IdentityReset::kNone;
}

}  // namespace pgsaba::sql
