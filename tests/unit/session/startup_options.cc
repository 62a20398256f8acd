#include "session/startup_options.h"

#include <doctest/doctest.h>

#include <vector>

using namespace pgsaba;
using session::read_startup_options;

namespace {

struct Row {
  std::string options;
  server::Settings settings;
};

}  // namespace

TEST_CASE("settings in the options of a startup packet") {
  const std::vector<Row> rows = {
      {"", {}},
      {"   ", {}},
      {"-c a=1", {{"a", "1"}}},
      {"-ca=1", {{"a", "1"}}},
      {"--a=1", {{"a", "1"}}},
      {" \t-c  a=1   --b=2 ", {{"a", "1"}, {"b", "2"}}},
      {"-c WORK_MEM=8MB", {{"work_mem", "8MB"}}},
      {"--search-path=x", {{"search_path", "x"}}},
      {"-c a-b=x-y", {{"a_b", "x-y"}}},
      {"-c a=", {{"a", ""}}},
      {"-c a=b=c", {{"a", "b=c"}}},
      {"-c app.user=7", {{"app.user", "7"}}},
      {R"(-c a=one\ two)", {{"a", "one two"}}},
      {R"(-c a=back\\slash)", {{"a", R"(back\slash)"}}},
      {R"(-c a=it\'s)", {{"a", "it's"}}},
      {R"(-c a=end\)", {{"a", R"(end\)"}}},
      {"-c a=1 -c a=2", {{"a", "1"}, {"a", "2"}}},
      {"-c a='1'", {{"a", "'1'"}}},
  };
  for (const Row& row : rows) {
    CAPTURE(row.options);
    server::Settings settings;
    CHECK_FALSE(read_startup_options(row.options, settings));
    CHECK(settings == row.settings);
  }
}

TEST_CASE("other options are named") {
  const std::vector<std::vector<std::string>> rows = {
      {"-d 5", "-d"},        {"x", "x"},       {"-c", "-c"},     {"-c a", "a"},
      {"-c =1", "=1"},       {"--a", "--a"},   {"--=1", "--=1"}, {"-c a=1 -e", "-e"},
      {"-W 9 -c a=1", "-W"}, {"-B 100", "-B"},
  };
  for (const auto& row : rows) {
    CAPTURE(row[0]);
    server::Settings settings;
    CHECK(read_startup_options(row[0], settings) == row[1]);
  }
}

TEST_CASE("what is there already stays in front") {
  server::Settings settings = {{"timezone", "UTC"}};
  CHECK_FALSE(read_startup_options("-c a=1", settings));
  CHECK(settings == server::Settings{{"timezone", "UTC"}, {"a", "1"}});
}
