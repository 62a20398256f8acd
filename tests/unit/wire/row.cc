#include "pgsaba/wire/row.h"

#include <doctest/doctest.h>

#include "unit/wire/frames.h"

using namespace pgsaba;
using namespace pgsaba::wire;
using namespace pgsaba::testing;

namespace {

std::string be16(unsigned value) {
  return {static_cast<char>(value >> 8), static_cast<char>(value)};
}
std::string value(std::string_view text) {
  return be32(static_cast<std::uint32_t>(text.size())) + std::string(text);
}
const std::string null_value = be32(0xffff'ffff);

// Portal "p", statement "s", a format for each of two parameters, three parameters.
std::string bind() {
  return zeros("p|s|") + be16(2) + be16(0) + be16(1) + be16(3) + value("one") + null_value +
         value("") + be16(0);
}

}  // namespace

TEST_CASE("the columns of a row") {
  const std::string body = be16(4) + value("a") + null_value + value("") + value("bcd");
  const auto row = read_row(bytes_of(body));
  REQUIRE(row.size() == 4);
  CHECK(row[0] == "a");
  CHECK_FALSE(row[1].has_value());
  CHECK(row[2] == "");
  CHECK(row[3] == "bcd");
  CHECK(read_row(bytes_of(be16(0))).empty());
}

TEST_CASE("a row that is cut off anywhere has no columns") {
  const std::string body = be16(3) + value("a") + null_value + value("bcd");
  for (std::size_t length = 0; length < body.size(); ++length) {
    CAPTURE(length);
    CHECK(read_row(bytes_of(body).first(length)).empty());
  }
  CHECK(read_row(bytes_of(body)).size() == 3);
}

TEST_CASE("lengths and counts that promise more than there is") {
  CHECK(read_row(bytes_of(be16(1) + be32(0x7fff'ffff) + "a")).empty());
  CHECK(read_row(bytes_of(be16(1) + be32(0xffff'fffe) + "a")).empty());
  CHECK(read_row(bytes_of(be16(0xffff) + value("a"))).empty());
}

TEST_CASE("the parameters of a Bind") {
  const std::string body = bind();
  CHECK(bind_parameter(bytes_of(body), 1) == "one");
  CHECK_FALSE(bind_parameter(bytes_of(body), 2).has_value());
  CHECK(bind_parameter(bytes_of(body), 3) == "");
  CHECK_FALSE(bind_parameter(bytes_of(body), 4).has_value());
}

TEST_CASE("a Bind without formats") {
  const std::string body = zeros("||") + be16(0) + be16(1) + value("x") + be16(0);
  CHECK(bind_parameter(bytes_of(body), 1) == "x");
}

TEST_CASE("a Bind that is cut off before the parameter has none") {
  const std::string body = bind();
  const std::size_t end_of_first = body.find("one") + 3;
  for (std::size_t length = 0; length < end_of_first; ++length) {
    CAPTURE(length);
    CHECK_FALSE(bind_parameter(bytes_of(body).first(length), 1).has_value());
  }
  CHECK(bind_parameter(bytes_of(body).first(end_of_first), 1) == "one");
}
