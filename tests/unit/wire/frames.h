// Frames written by hand, independent of MessageWriter.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "pgsaba/base/bytes.h"

namespace pgsaba::testing {

inline std::string be32(std::uint32_t value) {
  return {static_cast<char>(value >> 24), static_cast<char>(value >> 16),
          static_cast<char>(value >> 8), static_cast<char>(value)};
}

// A header that claims `length`, whatever follows.
inline std::string header(char tag, std::uint32_t length) {
  return std::string(1, tag) + be32(length);
}

inline std::string frame(char tag, std::string_view body = {}) {
  return header(tag, static_cast<std::uint32_t>(body.size() + 4)) + std::string(body);
}

// A startup packet: its length is filled in.
inline std::string packet(std::uint32_t code, std::string_view rest = {}) {
  return be32(static_cast<std::uint32_t>(rest.size() + 8)) + be32(code) + std::string(rest);
}

// The text with its zero bytes: `zeros("a|b||")` is "a\0b\0\0".
inline std::string zeros(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c == '|') c = '\0';
  return out;
}

}  // namespace pgsaba::testing
