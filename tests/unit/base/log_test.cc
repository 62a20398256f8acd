#include "pgsaba/base/log.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <regex>
#include <string>
#include <thread>
#include <vector>

#include "pgsaba/base/log_line.h"

namespace {

using namespace pgsaba;
namespace fs = std::filesystem;

constexpr Micros kMoment = 1'795'488'608'123'456;  // 2026-11-24 02:50:08.123456 UTC

// The process's time zone while in scope; UTC again afterwards.
class TimeZone {
 public:
  explicit TimeZone(const char* name) { set(name); }
  ~TimeZone() { set("UTC"); }
  TimeZone(const TimeZone&) = delete;
  TimeZone& operator=(const TimeZone&) = delete;

 private:
  static void set(const char* name) {
    ::setenv("TZ", name, 1);
    ::tzset();
  }
};

// A log file of its own per test, and the default log again when the test ends.
class LogFile {
 public:
  LogFile() {
    std::string pattern = (fs::temp_directory_path() / "pgsaba_log_XXXXXX").string();
    directory_ = ::mkdtemp(pattern.data());
    options.file = (directory_ / "pgsaba.log").string();
  }
  ~LogFile() {
    CHECK(log::configure({}).ok());
    fs::remove_all(directory_);
  }
  LogFile(const LogFile&) = delete;
  LogFile& operator=(const LogFile&) = delete;

  std::vector<std::string> lines(const std::string& path) const {
    std::ifstream file(path);
    std::vector<std::string> lines;
    for (std::string line; std::getline(file, line);) lines.push_back(line);
    return lines;
  }
  std::vector<std::string> lines() const { return lines(options.file); }

  log::Options options;

 private:
  fs::path directory_;
};

log::Record record(std::string_view message, log::Level level = log::Level::kInfo) {
  return {kMoment, level, 4711, message};
}

}  // namespace

TEST_CASE("a text line has PgBouncer's layout and words") {
  const TimeZone zone("UTC");
  CHECK(log::text_line(record("hello")) == "2026-11-24 02:50:08.123 UTC [4711] LOG hello");
  CHECK(log::text_line(record("x", log::Level::kWarning)) ==
        "2026-11-24 02:50:08.123 UTC [4711] WARNING x");
  CHECK(log::text_line(record("x", log::Level::kCritical)) ==
        "2026-11-24 02:50:08.123 UTC [4711] FATAL x");
}

TEST_CASE("times are local and name their zone or offset") {
  {
    const TimeZone zone("JST-9");
    CHECK(log::text_line(record("x")) == "2026-11-24 11:50:08.123 JST [4711] LOG x");
    CHECK(log::json_line(record("x")) ==
          R"({"time":"2026-11-24T11:50:08.123+09:00","level":"info","pid":4711,"message":"x"})");
  }
  const TimeZone zone("NST3:30");
  CHECK(log::json_line(record("x", log::Level::kError)) ==
        R"({"time":"2026-11-23T23:20:08.123-03:30","level":"error","pid":4711,"message":"x"})");
}

TEST_CASE("what a client sends cannot start a line, steer a terminal or break the encoding") {
  struct Case {
    std::string_view message;
    std::string_view text;
    std::string_view json;
  };
  const Case cases[] = {
      {"plain", "plain", "plain"},
      {"", "", ""},
      {"a\nb\r\tc", R"(a\nb\r\tc)", R"(a\nb\r\tc)"},
      {"\x1b[31mred", "\\x1b[31mred", "\\u001b[31mred"},
      {std::string_view("nul\0!", 5), "nul\\x00!", "nul\\u0000!"},
      {"del\x7f", "del\\x7f", "del\\u007f"},
      {"csi \xc2\x9b", "csi \\xc2\\x9b", "csi \\u009b"},
      {"鯖 é 😀", "鯖 é 😀", "鯖 é 😀"},
      {"quote\" back\\", "quote\" back\\", R"(quote\" back\\)"},
      {"stray \xff", "stray \\xff", "stray \\ufffd"},
      {"cut \xe9\xaf", "cut \\xe9\\xaf", "cut \\ufffd\\ufffd"},
      {"overlong \xc0\x8a", "overlong \\xc0\\x8a", "overlong \\ufffd\\ufffd"},
      {"overlong \xe0\x80\x8a", R"(overlong \xe0\x80\x8a)", R"(overlong \ufffd\ufffd\ufffd)"},
      {"surrogate \xed\xa0\x80", R"(surrogate \xed\xa0\x80)", R"(surrogate \ufffd\ufffd\ufffd)"},
      {"beyond \xf4\x90\x80\x80", R"(beyond \xf4\x90\x80\x80)",
       R"(beyond \ufffd\ufffd\ufffd\ufffd)"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.message);
    CHECK(log::escape_text(c.message) == c.text);
    CHECK(log::escape_json(c.message) == c.json);
  }
}

TEST_CASE("lines below the level are neither written nor formatted") {
  LogFile file;
  file.options.level = log::Level::kWarning;
  REQUIRE(log::configure(file.options).ok());
  log::trace("{}", 1);
  log::debug("{}", 2);
  log::info("{}", 3);
  log::warning("{}", 4);
  log::error("{}", 5);
  log::critical("{}", 6);
  const auto lines = file.lines();
  REQUIRE(lines.size() == 3);
  CHECK(lines[0].ends_with("WARNING 4"));
  CHECK(lines[1].ends_with("ERROR 5"));
  CHECK(lines[2].ends_with("FATAL 6"));
  CHECK_FALSE(log::enabled(log::Level::kInfo));
  CHECK(log::enabled(log::Level::kWarning));
}

TEST_CASE("a line carries the time, our pid and the formatted message") {
  LogFile file;
  REQUIRE(log::configure(file.options).ok());
  log::info("client {} of {}: {{}} %s", "a\nb", 2);
  const auto lines = file.lines();
  REQUIRE(lines.size() == 1);
  const std::regex shape(R"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} \S+ \[)" +
                         std::to_string(::getpid()) + R"(\] LOG client a\\nb of 2: \{\} %s)");
  CHECK(std::regex_match(lines[0], shape));
}

TEST_CASE("JSON goes one object per line") {
  LogFile file;
  file.options.format = log::Format::kJson;
  REQUIRE(log::configure(file.options).ok());
  log::info("say \"{}\"", "hi\n");
  log::error("two");
  const auto lines = file.lines();
  REQUIRE(lines.size() == 2);
  CHECK(lines[0].ends_with(R"(,"message":"say \"hi\n\""})"));
  CHECK(lines[1].find(R"("level":"error")") != std::string::npos);
}

TEST_CASE("configuring again opens the file anew, as log rotation needs it") {
  LogFile file;
  REQUIRE(log::configure(file.options).ok());
  log::info("one");
  const std::string rotated = file.options.file + ".1";
  fs::rename(file.options.file, rotated);
  log::info("two");
  REQUIRE(log::configure(file.options).ok());
  log::info("three");
  REQUIRE(log::configure(file.options).ok());
  log::info("four");
  CHECK(file.lines(rotated).size() == 2);
  CHECK(file.lines().size() == 2);
}

TEST_CASE("bad options leave the log as it was") {
  LogFile file;
  REQUIRE(log::configure(file.options).ok());
  log::Options bad;
  bad.level = log::Level::kCritical;
  bad.file = file.options.file + "/not/a/directory";
  CHECK_FALSE(log::configure(bad).ok());
  bad.file = {};
  bad.syslog = true;
  bad.syslog_facility = "kitchen";
  const Status status = log::configure(bad);
  REQUIRE_FALSE(status.ok());
  CHECK(status.error().message == "unknown syslog facility \"kitchen\"");
  log::info("still here");
  CHECK(file.lines().size() == 1);
}

TEST_CASE("syslog may stand beside the file") {
  LogFile file;
  file.options.syslog = true;
  file.options.syslog_facility = "local3";
  REQUIRE(log::configure(file.options).ok());
  REQUIRE(log::configure(file.options).ok());
  log::info("both");
  CHECK(file.lines().size() == 1);
}

TEST_CASE("threads write whole lines, also across a reload") {
  constexpr int kThreads = 4;
  constexpr int kLines = 200;
  LogFile file;
  REQUIRE(log::configure(file.options).ok());
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([t] {
      for (int i = 0; i < kLines; ++i) log::info("thread {} line {} end", t, i);
    });
  }
  for (int i = 0; i < 20; ++i) CHECK(log::configure(file.options).ok());
  for (std::thread& thread : threads) thread.join();
  const auto lines = file.lines();
  CHECK(lines.size() == kThreads * kLines);
  for (const std::string& line : lines) CHECK(line.ends_with(" end"));
}

TEST_CASE("names of levels and formats") {
  for (const auto* name : {"trace", "debug", "info", "warning", "error", "critical"}) {
    const auto level = log::parse_level(name);
    REQUIRE(level.has_value());
    CHECK(log::name_of(*level) == name);
  }
  CHECK_FALSE(log::parse_level("loud").has_value());
  CHECK(log::parse_format("json") == log::Format::kJson);
  CHECK(log::parse_format("text") == log::Format::kText);
  CHECK_FALSE(log::parse_format("xml").has_value());
}
