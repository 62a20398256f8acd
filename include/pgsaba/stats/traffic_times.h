// TrafficTimes: how often transactions, queries and waits took how long, counted since the start in
// powers of two. A worker owns one a pool and adds to it; others see copies in a snapshot.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace pgsaba::stats {

// Bucket n has what took less than 2^n microseconds and at least half of that; the last one has all
// that took longer, too.
class TimeHistogram {
 public:
  static constexpr std::size_t kBuckets = 28;  // the last but one ends at 67 seconds

  void add(std::uint64_t us) {
    ++counts_[std::min(static_cast<std::size_t>(std::bit_width(us)), kBuckets - 1)];
    sum_us_ += us;
  }
  std::uint64_t count(std::size_t bucket) const { return counts_[bucket]; }
  std::uint64_t sum_us() const { return sum_us_; }
  // Where a bucket ends, in microseconds; nowhere, for the last one.
  static constexpr std::uint64_t end_us(std::size_t bucket) { return std::uint64_t{1} << bucket; }

  TimeHistogram& operator+=(const TimeHistogram& other) {
    for (std::size_t i = 0; i < kBuckets; ++i) counts_[i] += other.counts_[i];
    sum_us_ += other.sum_us_;
    return *this;
  }
  bool operator==(const TimeHistogram&) const = default;

 private:
  std::array<std::uint64_t, kBuckets> counts_{};
  std::uint64_t sum_us_ = 0;
};

struct TrafficTimes {
  TimeHistogram transactions;
  TimeHistogram queries;
  TimeHistogram waits;  // of clients that had to wait for a server

  TrafficTimes& operator+=(const TrafficTimes& other) {
    transactions += other.transactions;
    queries += other.queries;
    waits += other.waits;
    return *this;
  }
};

}  // namespace pgsaba::stats
