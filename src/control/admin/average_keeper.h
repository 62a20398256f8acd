// AverageKeeper: what passed in the last whole stats_period, per database. Fed the totals once a
// period. Control thread; a value. Times are microseconds.
// Rules after PgBouncer's SHOW STATS: counts and bytes a second; transaction and query times a
// transaction and a query; wait time a server assignment. Whole numbers, rounded down.
#pragma once

#include <map>
#include <string>

#include "pgsaba/base/clock.h"
#include "pgsaba/stats/traffic_totals.h"

namespace pgsaba::admin {

using TotalsByDatabase = std::map<std::string, stats::TrafficTotals>;

class AverageKeeper {
 public:
  // `now` is monotonic. The first call only sets the mark that the second one counts from.
  void feed(Micros now, TotalsByDatabase totals);

  // Averages in the fields of the totals; zeros before a period is over.
  stats::TrafficTotals of(const std::string& database) const;
  // Over all databases: times weighted by what they belong to, not the mean of means.
  stats::TrafficTotals of_all() const;

 private:
  stats::TrafficTotals average(const stats::TrafficTotals& difference) const;

  bool fed_ = false;
  Micros fed_at_ = 0;
  TotalsByDatabase totals_;  // when it was fed last
  Micros period_us_ = 0;     // how long the last period was
  TotalsByDatabase differences_;
};

}  // namespace pgsaba::admin
