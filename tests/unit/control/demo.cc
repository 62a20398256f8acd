#include <doctest/doctest.h>

#include "control/demo_check.h"
#include "control/demo_options.h"

using namespace pgsaba::control;

TEST_CASE("the demo's command line") {
  CHECK_FALSE(parse_demo_options({})->check);
  CHECK(parse_demo_options({})->port == 0);
  CHECK(parse_demo_options({"--check"})->check);
  CHECK(parse_demo_options({"-h"})->help);
  CHECK(parse_demo_options({"--port", "7000", "--check"})->port == 7000);
  CHECK(parse_demo_options({"--port=7000"})->port == 7000);
  CHECK(parse_demo_options({"-p", "7000"})->port == 7000);
  for (const char* port : {"", "0", "x", "7000x", "70000", "-1"}) {
    CAPTURE(port);
    CHECK_FALSE(parse_demo_options({"--port", port}).ok());
  }
  CHECK(parse_demo_options({"--port"}).error().message == "the option --port needs a port");
  CHECK(parse_demo_options({"--chekc"}).error().message == "unknown option \"--chekc\"");
}

TEST_CASE("a table is printed with columns as wide as needed") {
  CHECK(text_of({{"id", "name"}, {{"1", "saba"}, {"100", ""}}}) ==
        " id  | name\n"
        "-----+------\n"
        " 1   | saba\n"
        " 100 |\n");
}
