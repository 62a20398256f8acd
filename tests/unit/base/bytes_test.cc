#include "pgsaba/base/bytes.h"

#include <doctest/doctest.h>

#include <array>
#include <cstdint>
#include <string_view>

using namespace pgsaba;

TEST_CASE("integers are read and written most significant byte first") {
  std::array<std::uint8_t, 7> buffer{};
  store_be16(buffer.data(), 0x8001);
  store_be32(&buffer[3], 0xfedcba98);  // at an odd address: no alignment is assumed
  CHECK(buffer == std::array<std::uint8_t, 7>{0x80, 0x01, 0, 0xfe, 0xdc, 0xba, 0x98});
  CHECK(load_be16(buffer.data()) == 0x8001);
  CHECK(load_be32(&buffer[3]) == 0xfedcba98);
}

TEST_CASE("every 16-bit value survives the round trip") {
  std::array<std::uint8_t, 2> buffer{};
  bool same = true;
  for (std::uint32_t value = 0; value <= 0xffff; ++value) {
    store_be16(buffer.data(), static_cast<std::uint16_t>(value));
    same = same && load_be16(buffer.data()) == value;
  }
  CHECK(same);
}

TEST_CASE("text and bytes are views of the same memory") {
  constexpr std::string_view kText("a\0\xff", 3);
  const Bytes bytes = bytes_of(kText);
  REQUIRE(bytes.size() == 3);
  CHECK(bytes[1] == 0);
  CHECK(bytes[2] == 0xff);
  CHECK(text_of(bytes) == kText);
  CHECK(text_of(bytes).data() == kText.data());
  CHECK(text_of({}).empty());
}
