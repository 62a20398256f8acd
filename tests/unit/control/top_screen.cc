#include <doctest/doctest.h>

#include <algorithm>

#include "control/top/screen.h"

using namespace pgsaba;
using namespace pgsaba::control::top;

namespace {

Figures quiet() {
  Figures figures;
  figures.version = "pgsaba 0.1.0";
  figures.where = "127.0.0.1:6432";
  figures.at = 10 * kSecond;
  figures.topology = Table(
      {"cluster", "server", "role", "state", "lag_bytes", "lag_us", "fit_for_reads", "disabled"},
      {{"rdb", "rdb-01", "primary", "reachable", "0", "0", "no", "no"},
       {"rdb", "rdb-02", "standby", "streaming", "1536", "12000", "yes", "no"},
       {"rdb", "rdb-03", "standby", "not streaming", "", "", "no", "yes"},
       {"rdb", "rdb-04", "unknown", "unreachable", "", "", "no", "no"}});
  figures.pools =
      Table({"database", "user", "cl_active", "cl_waiting", "sv_active", "sv_idle", "sv_used",
             "sv_login", "maxwait", "maxwait_us", "pool_mode", "server"},
            {{"idle", "web", "1", "0", "0", "2", "1", "0", "0", "0", "transaction", ""},
             {"shop", "web", "7", "0", "4", "0", "0", "0", "0", "0", "transaction", ""}});
  figures.totals = Table({"database", "xact_count", "query_count"}, {{"shop", "1000", "5000"}});
  figures.routes =
      Table({"database", "route", "reason", "count"},
            {{"shop", "standby", "a read", "300"}, {"shop", "primary", "a write", "90"}});
  return figures;
}

Figures later() {
  Figures figures = quiet();
  figures.at += 2 * kSecond;
  figures.totals = Table({"database", "xact_count", "query_count"}, {{"shop", "3500", "9000"}});
  figures.routes =
      Table({"database", "route", "reason", "count"},
            {{"shop", "standby", "a read", "500"}, {"shop", "primary", "a write", "90"}});
  return figures;
}

std::string text_of(const std::vector<Line>& lines) {
  std::string text;
  for (const Line& line : lines) text += line.text + "\n";
  return text;
}

bool has(const std::vector<Line>& lines, std::string_view part) {
  return text_of(lines).find(part) != std::string::npos;
}

const Line& line_with(const std::vector<Line>& lines, std::string_view part) {
  const auto found = std::ranges::find_if(
      lines, [&](const Line& line) { return line.text.find(part) != std::string::npos; });
  REQUIRE_MESSAGE(found != lines.end(), part);
  return *found;
}

}  // namespace

TEST_CASE("rates are known from the second look on, and not across a restart") {
  const Figures first = quiet();
  const Figures second = later();
  CHECK(has(screen(first, nullptr, {}), "transactions .../s"));
  const auto lines = screen(second, &first, {});
  CHECK(has(lines, "transactions 1,250/s  queries 2,000/s  reads on standbys 100/s"));
  CHECK(line_with(lines, "a read").text == "shop      standby       100     500  a read");
  CHECK(line_with(lines, "a write").text == "shop      primary         0      90  a write");
  CHECK(has(screen(first, &second, {}), "transactions .../s"));
}

TEST_CASE("servers: what is wrong is seen at once") {
  const auto lines = screen(quiet(), nullptr, {});
  CHECK(line_with(lines, "rdb-01").look == Look::kPlain);
  CHECK(line_with(lines, "rdb-02").text ==
        "rdb      rdb-02  standby  streaming                yes    12 ms  1.5 KiB");
  CHECK(line_with(lines, "rdb-02").look == Look::kPlain);
  CHECK(line_with(lines, "rdb-03").look == Look::kWarning);
  CHECK(has(lines, "not streaming, disabled"));
  CHECK(line_with(lines, "rdb-04").look == Look::kAlarm);
}

TEST_CASE("where somebody waits comes first, with who is waited for") {
  Figures figures = quiet();
  CHECK_FALSE(has(screen(figures, nullptr, {}), "HELD BY"));
  figures.pools = Table({"database", "user", "cl_active", "cl_waiting", "sv_active", "maxwait",
                         "maxwait_us", "pool_mode"},
                        {{"shop", "web", "7", "0", "9", "0", "0", "transaction"},
                         {"jobs", "sidekiq", "4", "2", "4", "75", "500000", "transaction"}});
  figures.waits =
      Table({"id", "database", "user", "application_name", "addr", "waits_for", "wait_us",
             "held_by", "held_from", "held_why", "held_us"},
            {{"12", "jobs", "sidekiq", "", "10.0.0.9:4711", "waits for a server connection",
              "75500000", "puma: \x1b[2J", "10.0.0.8:1", "idle in transaction", "900000000"}});
  const auto lines = screen(figures, nullptr, {});
  CHECK(has(lines, "waiting 2, longest 1 min 15 s"));
  const Line& wait = line_with(lines, "10.0.0.9:4711");
  CHECK(wait.look == Look::kWarning);
  CHECK(wait.text.find("puma: \\x1b[2J") != std::string::npos);
  CHECK(wait.text.find("15 min 0 s") != std::string::npos);
  CHECK(text_of(lines).find("sidekiq") < text_of(lines).find("shop"));
}

TEST_CASE("it fits where it is shown, whatever there is") {
  Figures figures = quiet();
  std::vector<std::vector<std::string>> rows;
  for (int i = 0; i < 500; ++i)
    rows.push_back({"database-" + std::to_string(i), "鯖-user", "1", "0", "1", "1"});
  figures.pools =
      Table({"database", "user", "cl_active", "cl_waiting", "sv_active", "sv_idle"}, rows);
  for (const std::size_t height : {1U, 2U, 5U, 10U, 24U, 50U})
    for (const std::size_t width : {1U, 20U, 80U}) {
      const auto lines = screen(figures, nullptr, {height, width});
      CHECK(lines.size() <= height);
      for (const Line& line : lines)
        CHECK(static_cast<std::size_t>(std::ranges::count_if(line.text, [](char byte) {
                return (static_cast<unsigned char>(byte) & 0xC0U) != 0x80U;
              })) <= width);
    }
  const auto lines = screen(figures, nullptr, {24, 80});
  CHECK(has(lines, "rdb-04"));
  CHECK(has(lines, " more"));
  CHECK(screen(figures, nullptr, {}).size() > 500);
}

TEST_CASE("durations and sizes as people read them") {
  CHECK(duration_text(870) == "870 µs");
  CHECK(duration_text(12'900) == "12 ms");
  CHECK(duration_text(3'400'000) == "3.4 s");
  CHECK(duration_text(59'999'999) == "59 s");
  CHECK(duration_text(312 * kSecond) == "5 min 12 s");
  CHECK(duration_text(7380 * kSecond) == "2 h 3 min");
  CHECK(bytes_text(17) == "17 B");
  CHECK(bytes_text(1536) == "1.5 KiB");
  CHECK(bytes_text(20LL * 1024 * 1024) == "20 MiB");
  CHECK(bytes_text(5LL * 1024 * 1024 * 1024 * 1024) == "5120 GiB");
}
