#include "pgsaba/base/result.h"

#include <doctest/doctest.h>

#include <memory>
#include <string>

using namespace pgsaba;

namespace {

Result<int> half(int number) {
  if (number % 2 != 0) return Error{"odd", "give an even number"};
  return number / 2;
}

Status check_even(int number) {
  const auto result = half(number);
  if (!result) return result.error();
  return done();
}

}  // namespace

TEST_CASE("a result holds its value") {
  const auto result = half(4);
  CHECK(result.ok());
  CHECK(static_cast<bool>(result));
  CHECK(*result == 2);
  CHECK(result.value() == 2);
}

TEST_CASE("a result holds why there is no value") {
  const auto result = half(3);
  CHECK_FALSE(result.ok());
  CHECK_FALSE(static_cast<bool>(result));
  CHECK(result.error().message == "odd");
  CHECK(result.error().hint == "give an even number");
}

TEST_CASE("an error passes from one result type to another") {
  CHECK(check_even(2).ok());
  const Status status = check_even(5);
  REQUIRE_FALSE(status.ok());
  CHECK(status.error().message == "odd");
}

TEST_CASE("a value can be changed in place and moved out") {
  Result<std::string> text(std::string("saba"));
  text->append("!");
  (*text)[0] = 'S';
  CHECK(text.value() == "Saba!");

  Result<std::unique_ptr<int>> owner(std::make_unique<int>(7));
  const std::unique_ptr<int> taken = std::move(owner).value();
  CHECK(*taken == 7);
}

TEST_CASE("a result of Error-like text is still a value") {
  const Result<std::string> text(std::string("odd"));
  CHECK(text.ok());
}
