#include <doctest/doctest.h>
#include <pgsaba/auth/base64.h>
#include <pgsaba/auth/digest.h>

#include <array>

using namespace pgsaba;
using namespace pgsaba::auth;

TEST_CASE("digest: md5 as PostgreSQL stores and salts it") {
  const auto stored = md5_hex("secret", "alice");
  REQUIRE(stored.ok());
  CHECK(stored->text() == "4a0a68b43b6cd5cf266fa02f196e2371");
  const auto salted = md5_hex(stored->text(), "\x01\x02\x03\x04");
  REQUIRE(salted.ok());
  CHECK(salted->text() == "98a0412b9c31436fc53776e863350083");
}

TEST_CASE("digest: HMAC-SHA-256, RFC 4231 test case 2") {
  const Sha256Digest mac = hmac_sha256(bytes_of("Jefe"), bytes_of("what do ya want for nothing?"));
  CHECK(encode_base64(mac.bytes()) == "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM=");
}

TEST_CASE("digest: random bytes differ, comparison compares all of both") {
  std::array<std::uint8_t, 16> one{};
  std::array<std::uint8_t, 16> two{};
  REQUIRE(random_bytes(one).ok());
  REQUIRE(random_bytes(two).ok());
  CHECK(one != two);
  CHECK(constant_time_equal("abc", "abc"));
  CHECK(constant_time_equal("", ""));
  CHECK_FALSE(constant_time_equal("abc", "abd"));
  CHECK_FALSE(constant_time_equal("abc", "ab"));
  CHECK_FALSE(constant_time_equal("", "a"));
}

TEST_CASE("secret bytes: a moved-from secret is empty, clear() empties, wipe() overwrites") {
  SecretBytes first("short");
  SecretBytes second(std::move(first));
  CHECK(first.empty());  // NOLINT(bugprone-use-after-move): that is the point
  CHECK(second.text() == "short");
  SecretBytes third;
  third = second;
  CHECK(third == second);
  third.clear();
  CHECK(third.text().empty());
  std::array<char, 4> memory{'a', 'b', 'c', 'd'};
  wipe(memory.data(), memory.size());
  CHECK(memory == std::array<char, 4>{});
}
