#include "average_keeper.h"

namespace pgsaba::admin {
namespace {

std::uint64_t per_unit(std::uint64_t time_us, std::uint64_t units) {
  return units == 0 ? 0 : time_us / units;
}

}  // namespace

void AverageKeeper::feed(Micros now, TotalsByDatabase totals) {
  if (fed_ && now <= fed_at_) return;
  if (fed_) {
    period_us_ = now - fed_at_;
    differences_.clear();
    for (const auto& [database, total] : totals) {
      const auto earlier = totals_.find(database);
      differences_[database] = earlier == totals_.end() ? total : total - earlier->second;
    }
  }
  fed_ = true;
  fed_at_ = now;
  totals_ = std::move(totals);
}

stats::TrafficTotals AverageKeeper::average(const stats::TrafficTotals& difference) const {
  stats::TrafficTotals average;
  if (period_us_ == 0) return average;
  for (const stats::TrafficField field : stats::kTrafficFields) {
    // In floating point: bytes times a million would overflow after 18 TB.
    average.*field =
        static_cast<std::uint64_t>(static_cast<double>(difference.*field) *
                                   static_cast<double>(kSecond) / static_cast<double>(period_us_));
  }
  average.xact_time_us = per_unit(difference.xact_time_us, difference.xact_count);
  average.query_time_us = per_unit(difference.query_time_us, difference.query_count);
  average.wait_time_us = per_unit(difference.wait_time_us, difference.server_assignment_count);
  return average;
}

stats::TrafficTotals AverageKeeper::of(const std::string& database) const {
  const auto difference = differences_.find(database);
  return difference == differences_.end() ? stats::TrafficTotals{} : average(difference->second);
}

stats::TrafficTotals AverageKeeper::of_all() const {
  stats::TrafficTotals sum;
  for (const auto& [database, difference] : differences_) sum += difference;
  return average(sum);
}

}  // namespace pgsaba::admin
