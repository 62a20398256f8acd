#include "demo_check.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <vector>

#include "nap.h"

namespace pgsaba::control {
namespace {

constexpr Micros kReplayLimit = 5 * kSecond;

std::string line_of(const std::vector<std::string>& cells, const std::vector<std::size_t>& widths) {
  std::string line;
  for (std::size_t column = 0; column < cells.size(); ++column) {
    line += fmt::format("{}{:<{}}", column == 0 ? " " : " | ", cells[column], widths[column]);
  }
  line.erase(line.find_last_not_of(' ') + 1);
  return line + "\n";
}

Status write_and_read(const DemoSetup& setup) {
  for (const char* sql : {"CREATE TABLE mackerel (id int PRIMARY KEY, name text)",
                          "INSERT INTO mackerel VALUES (1, 'saba'), (2, 'aji')"}) {
    fmt::print("demo: {}\n", sql);
    if (auto result = query_loopback(setup.target("demo"), sql); !result) return result.error();
  }
  constexpr const char* kRead = "SELECT id, name FROM mackerel ORDER BY id";
  const auto rows = query_loopback(setup.target("demo"), kRead);
  if (!rows) return rows.error();
  fmt::print("demo: {}\n{}", kRead, text_of(*rows));
  if (rows->rows == std::vector<std::vector<std::string>>{{"1", "saba"}, {"2", "aji"}}) {
    return done();
  }
  return Error{"what was written through pgsaba is not what was read"};
}

// A replica may lag, and demo_replica promises nothing else.
Status read_on_replica(const DemoSetup& setup) {
  const Micros deadline = monotonic_now() + kReplayLimit;
  std::string last;
  while (monotonic_now() < deadline) {
    const auto count =
        query_loopback(setup.target("demo_replica"), "SELECT count(*) FROM mackerel");
    if (count && count->rows.at(0).at(0) == "2") return done();
    last = count ? "other rows" : count.error().message;
    nap(20 * kMillisecond);
  }
  return Error{"what was written did not reach demo_replica: " + last};
}

struct Expectation {
  const char* database;
  std::uint16_t port;  // 0: any of the two
};

Status ask_who_answers(const DemoSetup& setup) {
  const ThrowawayCluster& cluster = setup.cluster();
  const std::array<Expectation, 3> expectations{{{"demo", 0},
                                                 {"demo_primary", cluster.primary_port()},
                                                 {"demo_replica", cluster.standby_port()}}};
  Table table{{"database", "inet_server_port", "pg_is_in_recovery"}, {}};
  Status status = done();
  for (const Expectation& expected : expectations) {
    const auto answer = query_loopback(setup.target(expected.database),
                                       "SELECT inet_server_port(), pg_is_in_recovery()");
    if (!answer) return answer.error();
    const std::vector<std::string>& row = answer->rows.at(0);
    table.rows.push_back({expected.database, row.at(0), row.at(1)});
    const bool standby = row[0] == std::to_string(cluster.standby_port());
    const bool consistent = standby == (row[1] == "t");
    const bool wanted = expected.port == 0 || row[0] == std::to_string(expected.port);
    if (!consistent || !wanted) {
      status = Error{std::string(expected.database) + " was answered by the wrong server"};
    }
  }
  fmt::print("\nwho answers (primary {}, standby {}):\n{}", cluster.primary_port(),
             cluster.standby_port(), text_of(table));
  return status;
}

Status show_pools(const DemoSetup& setup) {
  const auto pools = query_loopback(setup.target("pgsaba"), "SHOW POOLS");
  if (!pools) return pools.error();
  fmt::print("\nconsole: SHOW POOLS\n{}", text_of(*pools));
  const bool known = std::any_of(pools->rows.begin(), pools->rows.end(),
                                 [](const auto& row) { return !row.empty() && row[0] == "demo"; });
  if (!known) return Error{"the console does not show the pool of the database demo"};
  return done();
}

}  // namespace

Status check_demo(const DemoSetup& setup) {
  for (const auto step : {write_and_read, read_on_replica, ask_who_answers, show_pools}) {
    if (Status status = step(setup); !status) return status;
  }
  return done();
}

std::string text_of(const Table& table) {
  std::vector<std::size_t> widths;
  for (const std::string& column : table.columns) widths.push_back(column.size());
  for (const auto& row : table.rows) {
    for (std::size_t column = 0; column < row.size(); ++column) {
      widths[column] = std::max(widths[column], row[column].size());
    }
  }
  std::string text = line_of(table.columns, widths);
  std::string rule;
  for (const std::size_t width : widths) {
    rule += (rule.empty() ? "" : "+") + std::string(width + 2, '-');
  }
  text += rule + "\n";
  for (const auto& row : table.rows) text += line_of(row, widths);
  return text;
}

}  // namespace pgsaba::control
