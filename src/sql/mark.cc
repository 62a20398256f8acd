#include "sql/mark.h"

#include "sql/word_index.h"

namespace pgsaba::sql {
namespace {

constexpr std::string_view kWords[] = {
#define PGSABA_KEYWORD(name, text, reservation) text,
#include "sql/keywords.inc"
#undef PGSABA_KEYWORD
};

constexpr Reservation kReservations[] = {
#define PGSABA_KEYWORD(name, text, reservation) Reservation::reservation,
#include "sql/keywords.inc"
#undef PGSABA_KEYWORD
};

constexpr WordIndex<2048> kIndex(kWords);
constexpr auto kFirst = static_cast<std::size_t>(Mark::kAbort);

}  // namespace

Mark keyword_of(std::string_view word) {
  const std::size_t place = kIndex.find(word);
  return place == std::size(kWords) ? Mark::kIdentifier : static_cast<Mark>(kFirst + place);
}

Reservation reservation_of(Mark keyword) {
  return keyword < Mark::kAbort ? Reservation::kFree
                                : kReservations[static_cast<std::size_t>(keyword) - kFirst];
}

}  // namespace pgsaba::sql
