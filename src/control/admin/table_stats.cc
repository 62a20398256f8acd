#include <array>

#include "table_rows.h"

namespace pgsaba::admin {
namespace {

// The rows of SHOW TOTALS, in the order of the fields; each comes with "total_" and with "avg_".
constexpr std::array<std::string_view, stats::kTrafficFields.size()> kTotalsNames = {
    "server_assignment_count",
    "xact_count",
    "query_count",
    "client_bytes",
    "server_bytes",
    "xact_time",
    "query_time",
    "wait_time",
    "ps_client_parse_count",
    "ps_server_parse_count",
    "ps_bind_count",
    "client_login_count",
};

void append_fields(Row& row, const stats::TrafficTotals& totals) {
  for (const stats::TrafficField field : stats::kTrafficFields) row.push_back(cell(totals.*field));
}

// Every database that has seen traffic, and the console.
TotalsByDatabase shown_totals(const ConsolePicture& picture) {
  TotalsByDatabase totals = totals_of(picture.workers);
  totals.try_emplace(std::string(kConsoleDatabase));
  return totals;
}

}  // namespace

TotalsByDatabase totals_of(const std::vector<stats::WorkerSnapshot>& workers) {
  TotalsByDatabase totals;
  for (const stats::WorkerSnapshot& worker : workers) {
    for (const stats::DatabaseStats& database : worker.databases) {
      totals[database.database] += database.totals;
    }
  }
  return totals;
}

Rows stats_rows(const ConsolePicture& picture) {
  Rows rows;
  for (const auto& [database, totals] : shown_totals(picture)) {
    Row row = {cell(database)};
    append_fields(row, totals);
    append_fields(row, picture.averages.of(database));
    row.push_back(cell(totals.query_count));
    rows.push_back(std::move(row));
  }
  return rows;
}

Rows stats_totals_rows(const ConsolePicture& picture) {
  Rows rows;
  for (const auto& [database, totals] : shown_totals(picture)) {
    Row row = {cell(database)};
    append_fields(row, totals);
    rows.push_back(std::move(row));
  }
  return rows;
}

Rows stats_averages_rows(const ConsolePicture& picture) {
  Rows rows;
  for (const auto& [database, totals] : shown_totals(picture)) {
    Row row = {cell(database)};
    append_fields(row, picture.averages.of(database));
    rows.push_back(std::move(row));
  }
  return rows;
}

Rows totals_rows(const ConsolePicture& picture) {
  stats::TrafficTotals sum;
  for (const auto& [database, totals] : totals_of(picture.workers)) sum += totals;
  const stats::TrafficTotals average = picture.averages.of_all();
  Rows rows;
  for (std::size_t index = 0; index < kTotalsNames.size(); ++index) {
    rows.push_back({cell("total_" + std::string(kTotalsNames[index])),
                    cell(sum.*stats::kTrafficFields[index])});
  }
  for (std::size_t index = 0; index < kTotalsNames.size(); ++index) {
    rows.push_back({cell("avg_" + std::string(kTotalsNames[index])),
                    cell(average.*stats::kTrafficFields[index])});
  }
  return rows;
}

}  // namespace pgsaba::admin
