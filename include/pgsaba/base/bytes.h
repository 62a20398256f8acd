// Views of bytes and big-endian integers, as PostgreSQL's protocol writes them.
// Any thread; no state.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace pgsaba {

using Bytes = std::span<const std::uint8_t>;

inline Bytes bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
inline std::string_view text_of(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

inline std::uint16_t load_be16(const std::uint8_t* at) {
  return static_cast<std::uint16_t>((at[0] << 8) | at[1]);
}
inline std::uint32_t load_be32(const std::uint8_t* at) {
  std::uint32_t raw = 0;
  std::memcpy(&raw, at, sizeof raw);
  return __builtin_bswap32(raw);
}
inline void store_be16(std::uint8_t* at, std::uint16_t value) {
  at[0] = static_cast<std::uint8_t>(value >> 8);
  at[1] = static_cast<std::uint8_t>(value);
}
inline void store_be32(std::uint8_t* at, std::uint32_t value) {
  const std::uint32_t raw = __builtin_bswap32(value);
  std::memcpy(at, &raw, sizeof raw);
}

}  // namespace pgsaba
