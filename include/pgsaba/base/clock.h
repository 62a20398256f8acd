// Time as the daemon measures it: monotonic microseconds. A worker reads the clock once per turn
// and hands the value down; nothing below asks the clock itself, so that a simulator can own time.
#pragma once

#include <cstdint>
#include <ctime>

namespace pgsaba {

using Micros = std::int64_t;  // a point on the monotonic clock, or a duration

inline constexpr Micros kMillisecond = 1'000;
inline constexpr Micros kSecond = 1'000'000;
inline constexpr Micros kNever = INT64_MAX;

inline Micros monotonic_now() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<Micros>(now.tv_sec) * kSecond + now.tv_nsec / 1'000;
}

inline Micros wall_clock_now() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<Micros>(now.tv_sec) * kSecond + now.tv_nsec / 1'000;
}

}  // namespace pgsaba
