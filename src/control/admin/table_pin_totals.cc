// SHOW PIN_TOTALS: what clients have kept servers for, since the start.
#include "table_rows.h"

namespace pgsaba::admin {

PinTotals pin_totals_of(const std::vector<stats::WorkerSnapshot>& workers) {
  PinTotals sums;
  for (const stats::WorkerSnapshot& worker : workers) {
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
  return sums;
}

Rows pin_total_rows(const ConsolePicture& picture) {
  Rows rows;
  for (const auto& [key, sum] : pin_totals_of(picture.workers))
    rows.push_back({cell(key.first), cell(key.second), cell(sum.pinned), cell(sum.taken),
                    cell(sum.kept_us), cell(sum.waited), cell(sum.wait_us), cell(sum.refused)});
  return rows;
}

}  // namespace pgsaba::admin
