// Random: all chance in a simulated run comes from one of these, so that a seed repeats the run.
// (splitmix64.) One thread; a value.
#pragma once

#include <cstdint>

namespace pgsaba::sim {

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15ULL + 1) {}

  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15ULL);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }
  // 0 to count - 1.
  template <class Number>
  Number below(Number count) {
    return static_cast<Number>(next() % static_cast<std::uint64_t>(count));
  }
  // Both ends included.
  template <class Number>
  Number between(Number low, Number high) {
    return static_cast<Number>(low + below(high - low + 1));
  }
  bool chance(int percent) { return below(100) < percent; }

 private:
  std::uint64_t state_;
};

}  // namespace pgsaba::sim
