// WordIndex: finds a word in a list of some hundreds or thousands that is known when the program is
// compiled, in a few nanoseconds, whatever its case. Pure.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>

namespace pgsaba::sql {

// Among the characters of identifiers this folds letters and keeps apart all others.
constexpr std::uint64_t kFold = 0x2020202020202020;

// The bytes of an unsigned integer, least significant first whatever the machine: the index is made
// by the compiler.
template <typename Integer>
constexpr std::uint64_t load(const char* at) {
  Integer value = 0;
  if (std::is_constant_evaluated() || std::endian::native != std::endian::little) {
    for (std::size_t i = 0; i < sizeof(Integer); ++i)
      value = static_cast<Integer>(value | Integer{static_cast<std::uint8_t>(at[i])} << (8 * i));
  } else {
    std::memcpy(&value, at, sizeof(Integer));
  }
  return value;
}

// Up to eight bytes as a number; another one for other bytes of the same length.
constexpr std::uint64_t few_bytes(const char* at, std::size_t size) {
  if (size >= 8) return load<std::uint64_t>(at);
  if (size >= 4) return load<std::uint32_t>(at) | load<std::uint32_t>(at + size - 4) << 32;
  if (size >= 2) return load<std::uint16_t>(at) | load<std::uint16_t>(at + size - 2) << 32;
  return size == 0 ? 0 : load<std::uint8_t>(at);
}

// Of a few of its characters, without a branch; not of an empty word.
constexpr std::uint64_t word_hash(std::string_view word) {
  const char* at = word.data();
  const std::size_t last = word.size() - 1;
  const auto byte = [at](std::size_t place) -> std::uint64_t {
    return static_cast<std::uint8_t>(at[place]) | 0x20U;
  };
  const std::uint64_t some = byte(0) | byte(last / 4) << 8 | byte(last / 2) << 16 |
                             byte(last - last / 4) << 24 | byte(last) << 32 |
                             byte(last - (last > 0)) << 40 |
                             static_cast<std::uint64_t>(word.size()) << 48;
  return (some * 0x9E3779B97F4A7C15) >> 32;
}

// `word` as somebody typed it; `listed` in lower case.
constexpr bool same_word(std::string_view word, std::string_view listed) {
  if (word.size() != listed.size()) return false;
  const char* ours = word.data();
  const char* theirs = listed.data();
  std::size_t size = word.size();
  for (; size > 8; size -= 8, ours += 8, theirs += 8)
    if (((load<std::uint64_t>(ours) ^ load<std::uint64_t>(theirs)) & ~kFold) != 0) return false;
  return ((few_bytes(ours, size) ^ few_bytes(theirs, size)) & ~kFold) == 0;
}

// Size: a power of two, at least twice the number of words. The index holds places in the list; the
// list must outlive nothing: it is static.
template <std::size_t Size>
class WordIndex {
  static_assert((Size & (Size - 1)) == 0);

 public:
  static constexpr std::size_t kLongest = 63;  // what PostgreSQL keeps of a name

  constexpr explicit WordIndex(std::span<const std::string_view> words) : words_(words) {
    for (std::size_t i = 0; i < words.size(); ++i) {
      std::size_t slot = word_hash(words[i]) & (Size - 1);
      while (slots_[slot] != 0) slot = (slot + 1) & (Size - 1);
      slots_[slot] = static_cast<std::uint16_t>(i + 1);
    }
  }

  // The place of the word in the list, or the list's size.
  std::size_t find(std::string_view word) const {
    if (word.empty() || word.size() > kLongest) return words_.size();
    std::size_t slot = word_hash(word) & (Size - 1);
    for (; slots_[slot] != 0; slot = (slot + 1) & (Size - 1))
      if (same_word(word, words_[slots_[slot] - 1U])) return slots_[slot] - 1U;
    return words_.size();
  }

 private:
  std::span<const std::string_view> words_;
  std::array<std::uint16_t, Size> slots_{};
};

}  // namespace pgsaba::sql
