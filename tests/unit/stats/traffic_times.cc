#include "pgsaba/stats/traffic_times.h"

#include <doctest/doctest.h>

using namespace pgsaba::stats;

TEST_CASE("a time is counted in the bucket whose end it does not reach") {
  const struct {
    std::uint64_t us;
    std::size_t bucket;
  } rows[] = {{0, 0},           {1, 1},     {2, 2},     {3, 2},
              {4, 3},           {999, 10},  {1024, 11}, {(1ULL << 26) - 1, 26},
              {1ULL << 26, 27}, {~0ULL, 27}};
  for (const auto& row : rows) {
    CAPTURE(row.us);
    TimeHistogram histogram;
    histogram.add(row.us);
    CHECK(histogram.count(row.bucket) == 1);
    CHECK(histogram.sum_us() == row.us);
    if (row.bucket + 1 < TimeHistogram::kBuckets) CHECK(row.us < TimeHistogram::end_us(row.bucket));
    if (row.bucket > 0) CHECK(row.us >= TimeHistogram::end_us(row.bucket - 1));
  }
}

TEST_CASE("histograms add up") {
  TrafficTimes one;
  TrafficTimes other;
  one.queries.add(5);
  other.queries.add(6);
  other.waits.add(100);
  one += other;
  CHECK(one.queries.count(3) == 2);
  CHECK(one.queries.sum_us() == 11);
  CHECK(one.waits.count(7) == 1);
  CHECK(one.transactions == TimeHistogram());
}
