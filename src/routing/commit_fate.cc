#include "pgsaba/routing/commit_fate.h"

#include <charconv>

namespace pgsaba::routing {
namespace {

constexpr unsigned kEpochShift = 32;

std::uint64_t number_in(std::string_view text) {
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

}  // namespace

Fate fate_of(const CommitMark& mark, const FateEvidence& evidence) {
  if (!mark.known() || evidence.timeline != mark.timeline) return Fate::kUnknown;
  if (evidence.never_given) return Fate::kRolledBack;
  // Had it been committed, no other transaction could have its id.
  if (evidence.status == "aborted") return Fate::kRolledBack;
  const bool is_ours = evidence.same_life || mark.xid < evidence.first_xid;
  if (!is_ours) return Fate::kUnknown;
  if (evidence.status == "committed") return Fate::kCommitted;
  return evidence.status == "in progress" ? Fate::kStillRuns : Fate::kUnknown;
}

std::string_view text_of(Fate fate) {
  switch (fate) {
    case Fate::kCommitted:
      return "committed";
    case Fate::kRolledBack:
      return "rolled back";
    case Fate::kStillRuns:
      return "it still runs";
    case Fate::kUnknown:
      break;
  }
  return "not to be known";
}

std::uint64_t full_xid(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) return number_in(text);
  return number_in(text.substr(0, colon)) << kEpochShift | number_in(text.substr(colon + 1));
}

}  // namespace pgsaba::routing
