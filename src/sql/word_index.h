// WordIndex: finds a word in a list of some hundreds or thousands that is known when the program is
// compiled, in a few nanoseconds, whatever its case. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace pgsaba::sql {

// Among the characters of identifiers this folds letters and keeps apart all others.
constexpr std::uint64_t kFold = 0x2020202020202020;

constexpr std::uint64_t byte_at(std::string_view word, std::size_t at) {
  return static_cast<std::uint8_t>(word[at]);
}

// Eight bytes, written out so that compilers make it one load.
constexpr std::uint64_t eight_bytes(std::string_view word, std::size_t at) {
  return byte_at(word, at) | byte_at(word, at + 1) << 8 | byte_at(word, at + 2) << 16 |
         byte_at(word, at + 3) << 24 | byte_at(word, at + 4) << 32 | byte_at(word, at + 5) << 40 |
         byte_at(word, at + 6) << 48 | byte_at(word, at + 7) << 56;
}

constexpr std::uint64_t few_bytes(std::string_view word) {  // at most eight
  if (word.size() >= 8) return eight_bytes(word, 0);
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < word.size(); ++i) bytes |= byte_at(word, i) << (8 * i);
  return bytes;
}

constexpr std::uint64_t word_hash(std::string_view word) {
  const std::uint64_t first = few_bytes(word) | kFold;
  const std::uint64_t last = word.size() > 8 ? eight_bytes(word, word.size() - 8) | kFold : 0;
  const std::uint64_t hash =
      (first ^ (last * 0x9E3779B97F4A7C15) ^ word.size()) * 0xD6E8FEB86659FD93;
  return hash ^ (hash >> 32);
}

// `word` as somebody typed it; `listed` in lower case.
constexpr bool same_word(std::string_view word, std::string_view listed) {
  if (word.size() != listed.size()) return false;
  std::size_t at = 0;
  for (; at + 8 <= word.size(); at += 8)
    if ((eight_bytes(word, at) | kFold) != (eight_bytes(listed, at) | kFold)) return false;
  return (few_bytes(word.substr(at)) | kFold) == (few_bytes(listed.substr(at)) | kFold);
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
    if (word.size() > kLongest) return words_.size();
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
