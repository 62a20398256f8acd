#include <doctest/doctest.h>
#include <pgsaba/auth/login_brake.h>

#include <string>

using namespace pgsaba;
using namespace pgsaba::auth;

namespace {

constexpr Micros kLongest = 5 * kSecond;
constexpr Micros kPatience = 60 * kSecond;
constexpr Micros kStart = 1'000 * kSecond;

void fail(LoginBrake& brake, const std::string& who, int times, Micros now = kStart) {
  for (int i = 0; i < times; ++i) brake.failed(who, now, kLongest);
}

}  // namespace

TEST_CASE("login brake: mistyping costs nothing, guessing more and more") {
  LoginBrake brake;
  fail(brake, "a", 2);
  CHECK(brake.admit("a", kStart, kLongest, kPatience) == 0);
  fail(brake, "a", 1);
  CHECK(brake.admit("a", kStart, kLongest, kPatience) == LoginBrake::kFirstPause);
  CHECK(brake.admit("b", kStart, kLongest, kPatience) == 0);
  fail(brake, "a", 20);
  const Micros later = kStart + kPatience;
  CHECK(brake.admit("a", later, kLongest, kPatience) == 0);
  CHECK(brake.admit("a", later, kLongest, kPatience) == kLongest);
  CHECK(brake.admit("a", later, 0, kPatience) == 0);  // switched off
}

TEST_CASE("login brake: many connections do not guess faster than one") {
  LoginBrake brake;
  fail(brake, "a", 10);
  Micros last = 0;
  int admitted = 0;
  for (int i = 0; i < 1'000; ++i) {
    const auto wait = brake.admit("a", kStart, kLongest, kPatience);
    if (!wait) continue;
    CHECK(*wait >= last);
    last = *wait;
    ++admitted;
  }
  CHECK(admitted == kPatience / kLongest);
  CHECK(brake.admit("a", kStart + kPatience, kLongest, kPatience) == kLongest);
}

TEST_CASE("login brake: what ends it") {
  LoginBrake brake;
  fail(brake, "a", 10);
  brake.passed("a");
  CHECK(brake.admit("a", kStart, kLongest, kPatience) == 0);
  fail(brake, "a", 10);
  fail(brake, "a", 1, kStart + LoginBrake::kForgotten + kPatience);
  CHECK(brake.admit("a", kStart + LoginBrake::kForgotten + kPatience, kLongest, kPatience) == 0);
}

TEST_CASE("login brake: it remembers a bounded number") {
  LoginBrake brake;
  for (std::size_t i = 0; i < 2 * LoginBrake::kMostKnown; ++i)
    brake.failed(std::to_string(i), kStart, kLongest);
  CHECK(brake.known() == LoginBrake::kMostKnown);
  brake.failed("new", kStart + LoginBrake::kForgotten, kLongest);
  CHECK(brake.known() == 1);
  LoginBrake off;
  off.failed("a", kStart, 0);
  CHECK(off.known() == 0);
}

TEST_CASE("login brake: who is one") {
  CHECK(brake_name("10.0.0.1", "ann") != brake_name("10.0.0.2", "ann"));
  CHECK(brake_name("10.0.0.1", "ann") != brake_name("10.0.0.1", "ben"));
  CHECK(brake_name("2001:db8::1", "ann") == brake_name("2001:db8::ffff:1", "ann"));
  CHECK(brake_name("2001:db8::1", "ann") != brake_name("2001:db8:0:1::1", "ann"));
}
