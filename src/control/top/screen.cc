#include "control/top/screen.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <functional>
#include <numeric>

#include "pgsaba/base/log_line.h"

namespace pgsaba::control::top {
namespace {

constexpr std::string_view kNothing = "-";

// ---- text --------------------------------------------------------------------------------------

bool begins_character(char byte) { return (static_cast<unsigned char>(byte) & 0xC0U) != 0x80U; }

std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(text, begins_character));
}

std::string cut(std::string text, std::size_t columns) {
  std::size_t seen = 0;
  for (std::size_t i = 0; i < text.size(); ++i)
    if (begins_character(text[i]) && ++seen > columns) return text.substr(0, i);
  return text;
}

std::string padded(std::string text, std::size_t width, bool to_the_right) {
  const std::size_t missing = width - std::min(width, width_of(text));
  return to_the_right ? std::string(missing, ' ') + text : text + std::string(missing, ' ');
}

std::string count_text(std::int64_t count) {
  std::string digits = std::to_string(count);
  for (std::size_t i = digits.size(); i > 3; i -= 3)
    if (digits[i - 4] != '-') digits.insert(i - 3, ",");
  return digits;
}

std::string clock_text(Micros wall_time) {
  const std::time_t seconds = wall_time / kSecond;
  std::tm fields{};
  ::localtime_r(&seconds, &fields);
  return fmt::format("{:02}:{:02}:{:02}", fields.tm_hour, fields.tm_min, fields.tm_sec);
}

// ---- rates -------------------------------------------------------------------------------------

using Sum = std::function<std::int64_t(const Figures&)>;

// Empty: not known. Sums that became smaller are those of another process.
std::string rate_text(const Figures& now, const Figures* before, const Sum& of) {
  if (before == nullptr || now.at <= before->at) return "...";
  const std::int64_t passed = of(now) - of(*before);
  if (passed < 0) return "...";
  return count_text(passed * kSecond / (now.at - before->at));
}

std::int64_t reads_on_standbys(const Figures& figures) {
  std::int64_t reads = 0;
  for (std::size_t row = 0; row < figures.routes.size(); ++row)
    if (figures.routes.text(row, "route") == "standby")
      reads += figures.routes.number(row, "count");
  return reads;
}

std::int64_t count_of_route(const Figures& figures, const std::array<std::string, 3>& route) {
  const Table& routes = figures.routes;
  for (std::size_t row = 0; row < routes.size(); ++row)
    if (routes.text(row, "database") == route[0] && routes.text(row, "route") == route[1] &&
        routes.text(row, "reason") == route[2])
      return routes.number(row, "count");
  return 0;
}

// ---- tables ------------------------------------------------------------------------------------

struct Column {
  std::string_view heading;
  bool is_number = false;
};

struct Entry {
  std::vector<std::string> cells;
  Look look = Look::kPlain;
};

std::vector<Line> lines_of(const std::vector<Column>& columns, std::vector<Entry> entries) {
  Entry head{{}, Look::kHeading};
  for (const Column& column : columns) head.cells.emplace_back(column.heading);
  entries.insert(entries.begin(), std::move(head));
  std::vector<std::size_t> widths(columns.size());
  for (Entry& entry : entries)
    for (std::size_t i = 0; i < columns.size(); ++i) {
      if (entry.cells[i].empty()) entry.cells[i] = kNothing;
      entry.cells[i] = log::escape_text(entry.cells[i]);
      widths[i] = std::max(widths[i], width_of(entry.cells[i]));
    }
  std::vector<Line> lines;
  for (const Entry& entry : entries) {
    std::string text;
    for (std::size_t i = 0; i < columns.size(); ++i)
      text += (i == 0 ? "" : "  ") + padded(entry.cells[i], widths[i], columns[i].is_number);
    text.erase(text.find_last_not_of(' ') + 1);
    lines.push_back({std::move(text), entry.look});
  }
  return lines;
}

std::string duration_or_nothing(const Table& table, std::size_t row, std::string_view column) {
  return table.text(row, column).empty() ? "" : duration_text(table.number(row, column));
}

Look look_of_server(const Table& topology, std::size_t row) {
  const std::string& role = topology.text(row, "role");
  if (role == "unknown") return Look::kAlarm;
  const bool idles = role == "standby" && topology.text(row, "fit_for_reads") != "yes";
  return idles || topology.text(row, "disabled") == "yes" ? Look::kWarning : Look::kPlain;
}

std::vector<Line> server_lines(const Figures& now) {
  const Table& topology = now.topology;
  std::vector<Entry> entries;
  for (std::size_t row = 0; row < topology.size(); ++row) {
    const bool standby = topology.text(row, "role") == "standby";
    const bool disabled = topology.text(row, "disabled") == "yes";
    const std::string& bytes = topology.text(row, "lag_bytes");
    entries.push_back(
        {{topology.text(row, "cluster"), topology.text(row, "server"), topology.text(row, "role"),
          topology.text(row, "state") + (disabled ? ", disabled" : ""),
          standby ? topology.text(row, "fit_for_reads") : "",
          standby ? duration_or_nothing(topology, row, "lag_us") : "",
          standby && !bytes.empty() ? bytes_text(topology.number(row, "lag_bytes")) : ""},
         look_of_server(topology, row)});
  }
  return lines_of(
      {{"CLUSTER"}, {"SERVER"}, {"ROLE"}, {"STATE"}, {"READS"}, {"LAG", true}, {"BEHIND", true}},
      std::move(entries));
}

std::vector<Line> wait_lines(const Figures& now) {
  const Table& waits = now.waits;
  std::vector<Entry> entries;
  for (std::size_t row = 0; row < waits.size(); ++row) {
    const std::string& application = waits.text(row, "application_name");
    const std::string& holder = waits.text(row, "held_by");
    entries.push_back({{waits.text(row, "id"), waits.text(row, "database"), waits.text(row, "user"),
                        application.empty() ? waits.text(row, "addr") : application,
                        duration_or_nothing(waits, row, "wait_us"), waits.text(row, "waits_for"),
                        holder.empty() ? waits.text(row, "held_from") : holder,
                        waits.text(row, "held_why"), duration_or_nothing(waits, row, "held_us")},
                       Look::kWarning});
  }
  return lines_of({{"CLIENT", true},
                   {"DATABASE"},
                   {"USER"},
                   {"APPLICATION"},
                   {"SINCE", true},
                   {"WAITS FOR"},
                   {"HELD BY"},
                   {"WHICH IS"},
                   {"QUIET FOR", true}},
                  std::move(entries));
}

Micros longest_wait(const Table& pools, std::size_t row) {
  return pools.number(row, "maxwait") * kSecond + pools.number(row, "maxwait_us");
}

// Where somebody waits comes first, then what is busiest.
std::vector<std::size_t> order_of(const Table& pools) {
  std::vector<std::size_t> order(pools.size());
  std::iota(order.begin(), order.end(), 0U);
  const auto rank = [&](std::size_t row) {
    return std::array{pools.number(row, "cl_waiting"), pools.number(row, "sv_active"),
                      pools.number(row, "cl_active")};
  };
  std::ranges::stable_sort(
      order, [&](std::size_t one, std::size_t other) { return rank(one) > rank(other); });
  return order;
}

std::vector<Line> pool_lines(const Figures& now) {
  const Table& pools = now.pools;
  std::vector<Entry> entries;
  for (const std::size_t row : order_of(pools)) {
    const bool waits = pools.number(row, "cl_waiting") > 0;
    entries.push_back(
        {{pools.text(row, "database"), pools.text(row, "user"), pools.text(row, "server"),
          pools.text(row, "pool_mode"),
          count_text(pools.number(row, "cl_active") + pools.number(row, "cl_waiting")),
          count_text(pools.number(row, "cl_waiting")),
          waits ? duration_text(longest_wait(pools, row)) : "",
          count_text(pools.number(row, "sv_active")),
          count_text(pools.number(row, "sv_idle") + pools.number(row, "sv_used")),
          count_text(pools.number(row, "sv_login"))},
         waits ? Look::kWarning : Look::kPlain});
  }
  return lines_of({{"DATABASE"},
                   {"USER"},
                   {"ON"},
                   {"MODE"},
                   {"CLIENTS", true},
                   {"WAITING", true},
                   {"LONGEST", true},
                   {"BUSY", true},
                   {"IDLE", true},
                   {"OPENING", true}},
                  std::move(entries));
}

std::vector<Line> route_lines(const Figures& now, const Figures* before) {
  const Table& routes = now.routes;
  std::vector<Entry> entries;
  for (std::size_t row = 0; row < routes.size(); ++row) {
    const std::array<std::string, 3> route = {
        routes.text(row, "database"), routes.text(row, "route"), routes.text(row, "reason")};
    entries.push_back(
        {{route[0], route[1],
          rate_text(now, before,
                    [&](const Figures& figures) { return count_of_route(figures, route); }),
          count_text(routes.number(row, "count")), route[2]}});
  }
  return lines_of({{"DATABASE"}, {"ROUTE"}, {"A SECOND", true}, {"IN ALL", true}, {"BECAUSE"}},
                  std::move(entries));
}

// ---- all of it ---------------------------------------------------------------------------------

std::string summary(const Figures& now, const Figures* before) {
  const auto total = [](std::string_view column) {
    return [column](const Figures& figures) { return figures.totals.sum(column); };
  };
  const std::int64_t waiting = now.pools.sum("cl_waiting");
  Micros longest = 0;
  for (std::size_t row = 0; row < now.pools.size(); ++row)
    longest = std::max(longest, longest_wait(now.pools, row));
  std::string text = fmt::format(
      "transactions {}/s  queries {}/s  reads on standbys {}/s  clients {}  waiting {}",
      rate_text(now, before, total("xact_count")), rate_text(now, before, total("query_count")),
      rate_text(now, before, reads_on_standbys), count_text(now.pools.sum("cl_active") + waiting),
      count_text(waiting));
  if (waiting > 0) text += ", longest " + duration_text(longest);
  return text;
}

std::string title(const Figures& now) {
  return fmt::format("{}  {}  {}", now.version, now.where, clock_text(now.wall_time));
}

// Each may have half of what is left; the last one all of it.
void append(std::vector<Line>& screen, std::vector<Line> table, std::size_t room) {
  if (table.size() <= 1 || room < 3) return;
  const std::size_t most = room - 1;  // a line is empty
  screen.push_back({});
  if (table.size() > most) {
    const std::size_t left_out = table.size() - (most - 1);
    table.resize(most - 1);
    table.push_back({fmt::format("and {} more", left_out), Look::kPlain});
  }
  std::ranges::move(table, std::back_inserter(screen));
}

}  // namespace

std::string duration_text(Micros us) {
  if (us < kMillisecond) return fmt::format("{} µs", us);
  if (us < kSecond) return fmt::format("{} ms", us / kMillisecond);
  if (us < 10 * kSecond) return fmt::format("{:.1f} s", static_cast<double>(us) / kSecond);
  const std::int64_t seconds = us / kSecond;
  if (seconds < 60) return fmt::format("{} s", seconds);
  if (seconds < 3600) return fmt::format("{} min {} s", seconds / 60, seconds % 60);
  return fmt::format("{} h {} min", seconds / 3600, seconds / 60 % 60);
}

std::string bytes_text(std::int64_t bytes) {
  constexpr std::array<std::string_view, 4> kUnits = {"B", "KiB", "MiB", "GiB"};
  auto amount = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (amount >= 1024 && unit + 1 < kUnits.size()) {
    amount /= 1024;
    ++unit;
  }
  return unit == 0 || amount >= 10 ? fmt::format("{:.0f} {}", amount, kUnits[unit])
                                   : fmt::format("{:.1f} {}", amount, kUnits[unit]);
}

std::vector<Line> screen(const Figures& now, const Figures* before, Extent extent) {
  std::vector<Line> lines = {
      {log::escape_text(title(now)), Look::kTitle},
      {summary(now, before), now.pools.sum("cl_waiting") > 0 ? Look::kWarning : Look::kPlain}};
  const std::array<std::vector<Line>, 4> tables = {server_lines(now), wait_lines(now),
                                                   pool_lines(now), route_lines(now, before)};
  for (std::size_t i = 0; i < tables.size(); ++i) {
    const std::size_t left = extent.lines - std::min(extent.lines, lines.size());
    append(lines, tables[i],
           i + 1 == tables.size() || extent.lines == SIZE_MAX ? left : left / 2 + 1);
  }
  for (Line& line : lines) line.text = cut(std::move(line.text), extent.columns);
  if (lines.size() > extent.lines) lines.resize(extent.lines);
  return lines;
}

}  // namespace pgsaba::control::top
