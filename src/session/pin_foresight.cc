#include "session/pin_foresight.h"

#include <algorithm>

namespace pgsaba::session {
namespace {

namespace effect = sql::effect;

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool in_word(char c) {
  return (lower(c) >= 'a' && lower(c) <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '$' ||
         static_cast<unsigned char>(c) >= 0x80;
}

// Where `part`, in lower case, stands in `text`, in whatever case; npos: nowhere.
std::size_t find(std::string_view text, std::string_view part, std::size_t from = 0) {
  const auto found =
      std::search(text.begin() + static_cast<std::ptrdiff_t>(from), text.end(), part.begin(),
                  part.end(), [](char a, char b) { return lower(a) == b; });
  return found == text.end() ? std::string_view::npos
                             : static_cast<std::size_t>(found - text.begin());
}

// Behind the next such word; npos: there is none.
std::size_t behind_word(std::string_view text, std::string_view word, std::size_t from = 0) {
  for (std::size_t at = find(text, word, from); at != std::string_view::npos;
       at = find(text, word, at + 1)) {
    const std::size_t end = at + word.size();
    const bool begins = at == 0 || !in_word(text[at - 1]);
    if (begins && (end == text.size() || !in_word(text[end]))) return end;
  }
  return std::string_view::npos;
}

bool has_word(std::string_view text, std::string_view word) {
  return behind_word(text, word) != std::string_view::npos;
}

bool drops_on_commit(std::string_view text) {
  std::size_t at = 0;
  for (const std::string_view word : {"on", "commit", "drop"}) {
    at = behind_word(text, word, at);
    if (at == std::string_view::npos) return false;
  }
  return true;
}

bool makes_temporary(std::string_view text, const sql::Dialect& dialect) {
  const sql::Statement statement = sql::read_statement(text, dialect);
  switch (statement.command) {
    case sql::Command::kDrop:
    case sql::Command::kAlter:
    case sql::Command::kDiscard:
    case sql::Command::kSet:
      if (statement.single) return false;
      break;
    default:
      break;
  }
  const bool says_so = has_word(text, "temp") || has_word(text, "temporary") ||
                       find(text, "pg_temp.") != std::string_view::npos;
  return says_so && !drops_on_commit(text);
}

}  // namespace

Pins foreseen_pins(sql::Effects effects, std::string_view text, const sql::Dialect& dialect) {
  Pins pins;
  const bool unread = (effects & effect::kAll) == effect::kAll;
  if ((effects & kForeseeable) == 0 || unread) return pins;
  const auto foresee = [&](sql::Effects effect, PinReason reason, auto probable) {
    if ((effects & effect) != 0 && probable()) pins.set(reason);
  };
  foresee(effect::kTemporary, PinReason::kTemporary,
          [&] { return makes_temporary(text, dialect); });
  // Not pg_advisory_unlock.
  foresee(effect::kAdvisoryLock, PinReason::kAdvisoryLock,
          [&] { return find(text, "advisory_lock") != std::string_view::npos; });
  foresee(effect::kHeldCursor, PinReason::kHeldCursor, [&] { return has_word(text, "hold"); });
  foresee(effect::kListen, PinReason::kListen, [&] { return has_word(text, "listen"); });
  foresee(effect::kIrreversible, PinReason::kIrreversible, [] { return true; });
  return pins;
}

}  // namespace pgsaba::session
