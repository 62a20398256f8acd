#include <tuple>

#include "table_rows.h"

namespace pgsaba::admin {

Rows route_rows(const ConsolePicture& picture) {
  struct Sum {
    std::uint64_t count = 0;
    std::uint64_t waited = 0;
    std::uint64_t wait_us = 0;
  };
  // Standbys come first.
  std::map<std::tuple<std::string, bool, std::string>, Sum> sums;
  for (const stats::WorkerSnapshot& worker : picture.workers) {
    for (const stats::RouteRow& row : worker.routes) {
      Sum& sum = sums[{row.database, !row.on_standby, row.reason}];
      sum.count += row.count;
      sum.waited += row.waited;
      sum.wait_us += row.wait_us;
    }
  }
  Rows rows;
  for (const auto& [key, sum] : sums) {
    const auto& [database, on_primary, reason] = key;
    rows.push_back({cell(database), cell(on_primary ? "primary" : "standby"), cell(reason),
                    cell(sum.count), cell(sum.waited), cell(sum.wait_us)});
  }
  return rows;
}

}  // namespace pgsaba::admin
