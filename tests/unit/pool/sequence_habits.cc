#include "pgsaba/pool/sequence_habits.h"

#include <doctest/doctest.h>

#include <string>

using pgsaba::pool::SequenceHabits;

TEST_CASE("a table is tried for a while, and then left alone") {
  SequenceHabits habits;
  const std::uint32_t table = SequenceHabits::key_of("notes");
  for (int trial = 0; trial < SequenceHabits::kTrials; ++trial) {
    CHECK(habits.expects(table));
    habits.note(table, false);
  }
  CHECK_FALSE(habits.expects(table));
  CHECK(habits.expects(SequenceHabits::key_of("others")));
}

TEST_CASE("who asks is expected to ask again, until nobody has for long") {
  SequenceHabits habits;
  const std::uint32_t table = SequenceHabits::key_of("notes");
  for (int trial = 0; trial < SequenceHabits::kTrials; ++trial) habits.note(table, false);
  for (int round = 0; round < 2; ++round) {
    habits.note(table, true);
    for (int other = 0; other < SequenceHabits::kPatience; ++other) {
      CHECK(habits.expects(table));
      habits.note(table, false);
    }
    CHECK_FALSE(habits.expects(table));
  }
}

TEST_CASE("case does not count, schemas do") {
  CHECK(SequenceHabits::key_of("Notes") == SequenceHabits::key_of("notes"));
  CHECK(SequenceHabits::key_of("a.notes") != SequenceHabits::key_of("notes"));
  CHECK(SequenceHabits::key_of("") != 0);
}

TEST_CASE("more tables than there is room for") {
  SequenceHabits habits;
  std::size_t expected = 0;
  for (std::size_t table = 0; table < 4 * SequenceHabits::kMostTables; ++table)
    expected += habits.expects(SequenceHabits::key_of("t" + std::to_string(table))) ? 1 : 0;
  CHECK(expected > SequenceHabits::kMostTables / 2);
  CHECK(expected <= SequenceHabits::kMostTables);
}
