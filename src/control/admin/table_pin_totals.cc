// SHOW PIN_TOTALS: what clients have kept servers for, since the start.
#include <map>
#include <utility>

#include "table_rows.h"

namespace pgsaba::admin {

Rows pin_total_rows(const ConsolePicture& picture) {
  std::map<std::pair<std::string, std::string>, stats::PinRow> sums;
  for (const stats::WorkerSnapshot& worker : picture.workers) {
    for (const stats::PinRow& row : worker.pins) {
      stats::PinRow& sum = sums[{row.database, row.reason}];
      sum.pinned += row.pinned;
      sum.taken += row.taken;
      sum.kept_us += row.kept_us;
      sum.waited += row.waited;
      sum.wait_us += row.wait_us;
      sum.refused += row.refused;
    }
  }
  Rows rows;
  for (const auto& [key, sum] : sums)
    rows.push_back({cell(key.first), cell(key.second), cell(sum.pinned), cell(sum.taken),
                    cell(sum.kept_us), cell(sum.waited), cell(sum.wait_us), cell(sum.refused)});
  return rows;
}

}  // namespace pgsaba::admin
