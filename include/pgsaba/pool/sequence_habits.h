// SequenceHabits: behind which INSERTs clients of a pool ask for currval or lastval. No text shows
// whether an INSERT draws from a sequence, nor whether somebody will ask for what was drawn; so the
// first few INSERTs into a table are expected to be asked about, and those into a table behind
// which somebody has asked, until nobody has for many times. One per pool and worker; it takes no
// memory until something is inserted. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>

namespace pgsaba::pool {

class SequenceHabits {
 public:
  static constexpr std::uint8_t kTrials = 8;       // of a table that nobody knows
  static constexpr std::uint8_t kPatience = 64;    // since somebody has asked
  static constexpr std::size_t kMostTables = 256;  // of more nothing is expected

  // What the table is known by here; never 0. Without a name nothing is known.
  static std::uint32_t key_of(std::string_view table);

  // Whether the client that inserts into it may ask.
  bool expects(std::uint32_t table);
  // It has, or has done something else instead.
  void note(std::uint32_t table, bool asked);

 private:
  struct Habit {
    std::uint32_t table = 0;  // 0: none
    std::uint8_t left = kTrials;
  };
  Habit* find(std::uint32_t table);

  std::unique_ptr<std::array<Habit, kMostTables>> habits_;
};

}  // namespace pgsaba::pool
