#include "pgsaba/pool/sequence_habits.h"

namespace pgsaba::pool {
namespace {

constexpr std::size_t kPlaces = 4;  // that a table may have

}  // namespace

// FNV-1a. Two tables of one key share a habit, which does no harm.
std::uint32_t SequenceHabits::key_of(std::string_view table) {
  std::uint32_t key = 2'166'136'261;
  for (const char c : table) {
    const bool upper = c >= 'A' && c <= 'Z';
    key = (key ^ static_cast<std::uint8_t>(upper ? c - 'A' + 'a' : c)) * 16'777'619;
  }
  return key == 0 ? 1 : key;
}

SequenceHabits::Habit* SequenceHabits::find(std::uint32_t table) {
  if (!habits_) habits_ = std::make_unique<std::array<Habit, kMostTables>>();
  for (std::size_t place = 0; place < kPlaces; ++place) {
    Habit& habit = (*habits_)[(table + place) % kMostTables];
    if (habit.table == 0) habit.table = table;
    if (habit.table == table) return &habit;
  }
  return nullptr;
}

bool SequenceHabits::expects(std::uint32_t table) {
  const Habit* habit = find(table);
  return habit != nullptr && habit->left > 0;
}

void SequenceHabits::note(std::uint32_t table, bool asked) {
  Habit* habit = find(table);
  if (habit == nullptr) return;
  if (asked) {
    habit->left = kPatience;
  } else if (habit->left > 0) {
    --habit->left;
  }
}

}  // namespace pgsaba::pool
