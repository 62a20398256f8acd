// How long transactions took, counted.
#include "part.h"
#include "pgsaba/stats/traffic_times.h"

namespace bench {
namespace {

constexpr std::uint64_t kTimes = 16;  // of one to thirty thousand microseconds

}  // namespace

void add_histogram(Parts& parts) {
  parts.push_back(
      part("stats/histogram-16", [histogram = pgsaba::stats::TimeHistogram()]() mutable {
        for (std::uint64_t i = 0; i < kTimes; ++i) {
          const std::uint64_t us = std::uint64_t{1} << i;
          keep(us);
          histogram.add(us);
        }
        keep(histogram);
      }));
}

}  // namespace bench
