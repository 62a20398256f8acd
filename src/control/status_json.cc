#include "control/status_json.h"

#include <string_view>

#include "control/admin/tables.h"
#include "pgsaba/base/log_line.h"

namespace pgsaba::control {
namespace {

using admin::Subject;

std::string quoted(std::string_view text) { return '"' + log::escape_json(text) + '"'; }

bool is_number(admin::ColumnType type) {
  return type == admin::ColumnType::kInt4 || type == admin::ColumnType::kInt8 ||
         type == admin::ColumnType::kNumeric;
}

std::string object_of(const std::vector<admin::Column>& columns, const admin::Row& row) {
  std::string text = "{";
  for (std::size_t i = 0; i < columns.size(); ++i) {
    text += (i == 0 ? "" : ",") + quoted(columns[i].name) + ':';
    if (!row[i])
      text += "null";
    else
      text += is_number(columns[i].type) ? *row[i] : quoted(*row[i]);
  }
  return text + '}';
}

std::string array_of(Subject subject, const admin::ConsolePicture& picture) {
  const admin::ResultTable table = admin::build_table(subject, picture);
  std::string text = "[";
  for (const admin::Row& row : table.rows) {
    if (text.size() > 1) text += ',';
    text += object_of(table.columns, row);
  }
  return text + ']';
}

std::string line_of(const std::pair<std::string, std::string>& name,
                    const LagLines::Points& points) {
  std::string text = R"({"cluster":)" + quoted(name.first) + R"(,"server":)" + quoted(name.second) +
                     R"(,"points":[)";
  bool first = true;
  for (const std::optional<Micros>& point : points) {
    if (!first) text += ',';
    first = false;
    text += point ? std::to_string(*point) : "null";
  }
  return text + "]}";
}

std::string_view name_of(admin::ProcessState state) {
  switch (state) {
    case admin::ProcessState::kActive:
      return "active";
    case admin::ProcessState::kPaused:
      return "paused";
    case admin::ProcessState::kSuspended:
      break;
  }
  return "suspended";
}

}  // namespace

std::string status_json(const admin::ConsolePicture& picture, const LagLines& lags, Micros now,
                        bool with_waits) {
  std::string text = R"({"version":)" + quoted(picture.version) + R"(,"state":)" +
                     quoted(name_of(picture.state)) + R"(,"time":)" + std::to_string(now);
  text += R"(,"topology":)" + array_of(Subject::kTopology, picture);
  text += R"(,"pools":)" + array_of(Subject::kPools, picture);
  text += R"(,"routes":)" + array_of(Subject::kRoutes, picture);
  text += R"(,"totals":)" + array_of(Subject::kStatsTotals, picture);
  if (with_waits) text += R"(,"waits":)" + array_of(Subject::kWaits, picture);
  text +=
      R"(,"lag":{"interval":)" + std::to_string(LagLines::kIntervalUs / kSecond) + R"(,"lines":[)";
  bool first = true;
  for (const auto& [name, points] : lags.lines()) {
    if (!first) text += ',';
    first = false;
    text += line_of(name, points);
  }
  return text + "]}}\n";
}

}  // namespace pgsaba::control
