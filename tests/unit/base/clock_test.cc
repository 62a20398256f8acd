#include "pgsaba/base/clock.h"

#include <doctest/doctest.h>

#include <chrono>
#include <thread>

using namespace pgsaba;

TEST_CASE("the monotonic clock counts microseconds and never goes back") {
  const Micros before = monotonic_now();
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  const Micros passed = monotonic_now() - before;
  CHECK(passed >= 20 * kMillisecond);
  CHECK(passed < 10 * kSecond);

  Micros last = monotonic_now();
  bool forward = true;
  for (int i = 0; i < 10'000; ++i) {
    const Micros now = monotonic_now();
    forward = forward && now >= last;
    last = now;
  }
  CHECK(forward);
}

TEST_CASE("the wall clock is microseconds since 1970") {
  const auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
  const Micros expected =
      std::chrono::duration_cast<std::chrono::microseconds>(since_epoch).count();
  const Micros difference = wall_clock_now() - expected;
  CHECK(difference >= 0);
  CHECK(difference < kSecond);
}

TEST_CASE("units") {
  CHECK(kSecond == 1'000 * kMillisecond);
  CHECK(kNever > monotonic_now() + 1'000'000 * kSecond);
}
