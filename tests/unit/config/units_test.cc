#include "config/units.h"

#include <doctest/doctest.h>

#include "config/suggestion.h"

using namespace pgsaba;
using namespace pgsaba::config;

TEST_CASE("durations") {
  CHECK(parse_duration("0") == 0);
  CHECK(parse_duration("5") == 5'000'000);
  CHECK(parse_duration("0.25") == 250'000);
  CHECK(parse_duration("7us") == 7);
  CHECK(parse_duration("20ms") == 20'000);
  CHECK(parse_duration("1.5s") == 1'500'000);
  CHECK(parse_duration("2 min") == 120'000'000);
  CHECK(parse_duration("1h") == 3'600'000'000);
  CHECK(parse_duration("0.5d") == 43'200'000'000);
  for (const char* bad : {"", "s", "-1s", "+1", "1m", "1 hour", "1S", ".5s", "1.s", "1.5.5s", " 1s",
                          "1s ", "1e3", "9223372036854775807s", "99999999999999999999"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_duration(bad).has_value());
  }
}

TEST_CASE("sizes") {
  CHECK(parse_size("0") == 0);
  CHECK(parse_size("100") == 100);
  CHECK(parse_size("100B") == 100);
  CHECK(parse_size("64kB") == 65'536);
  CHECK(parse_size("64KiB") == 65'536);
  CHECK(parse_size("1.5MB") == 1'572'864);
  CHECK(parse_size("2 GB") == 2'147'483'648);
  CHECK(parse_size("1TiB") == 1'099'511'627'776);
  for (const char* bad : {"", "kB", "-1kB", "1kb", "1 XB", "9999999999TB"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_size(bad).has_value());
  }
}

TEST_CASE("what is written can be read") {
  for (const Micros value : {0L, 1L, 1'500L, 20'000L, 90'000'000L, 7'200'000'000L}) {
    CHECK(parse_duration(format_duration(value)) == value);
  }
  CHECK(format_duration(90'000'000) == "90s");
  CHECK(format_duration(120'000'000) == "2min");
  CHECK(format_duration(1'500) == "1500us");
  CHECK(format_size(65'536) == "64kB");
  CHECK(format_size(1'000) == "1000B");
}

TEST_CASE("the nearest word") {
  CHECK(edit_distance("", "abc") == 3);
  CHECK(edit_distance("abc", "abc") == 0);
  CHECK(edit_distance("pool_sise", "pool_size") == 1);
  CHECK(edit_distance("mian", "main") == 1);  // a swap of neighbours
  CHECK(edit_distance("kitten", "sitting") == 3);
  const std::vector<std::string_view> words = {"pool_size", "pool_mode", "min_pool_size"};
  CHECK(nearest("pool_sise", words) == "pool_size");
  CHECK(nearest("min_pol_size", words) == "min_pool_size");
  CHECK(nearest("elephant", words).empty());
  CHECK(nearest(std::string(10'000, 'x'), words).empty());
}
