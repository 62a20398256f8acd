// The extended protocol of a console, in the orders in which drivers send it.
#include <doctest/doctest.h>

#include "console_harness.h"

namespace pgsaba::admin {
namespace {

TEST_CASE("Parse, Bind, Describe portal, Execute, Sync: JDBC and psycopg") {
  ConsoleHarness console;
  console.parse("", "SHOW STATE");
  console.bind("", "");
  console.describe('P', "");
  console.execute("");
  console.sync();
  CHECK(console.output() == "1 | 2 | T:2 | D:active,yes | C:SHOW | Z:I");
}

TEST_CASE("Parse, Describe statement, Flush; then Bind, Execute, Sync: asyncpg") {
  ConsoleHarness console;
  console.parse("s1", "SHOW STATE");
  console.describe('S', "s1");
  console.send('H');
  CHECK(console.output() == "1 | t | T:2");
  CHECK(console.executor.ran.empty());
  console.bind("", "s1", {1});
  console.execute("");
  console.sync();
  CHECK(console.output() == "2 | D:active,yes | C:SHOW | Z:I");
  console.bind("", "s1");
  console.execute("");
  console.sync();
  CHECK(console.output() == "2 | D:active,yes | C:SHOW | Z:I");
  console.send('C', "S" + text_z("s1"));
  console.bind("", "s1");
  console.sync();
  CHECK(console.output() == "3 | E:26000 prepared statement \"s1\" does not exist | Z:I");
}

TEST_CASE("commands without rows and empty statements") {
  ConsoleHarness console;
  console.parse("", "SET extra_float_digits = 3");
  console.describe('S', "");
  console.bind("", "");
  console.describe('P', "");
  console.execute("");
  console.sync();
  CHECK(console.output() == "1 | t | n | 2 | n | N:SET ignored | C:SET | Z:I");
  console.parse("", "");
  console.bind("", "");
  console.describe('P', "");
  console.execute("");
  console.sync();
  CHECK(console.output() == "1 | 2 | n | I | Z:I");
}

TEST_CASE("an error skips to Sync, whatever comes") {
  ConsoleHarness console;
  console.parse("", "FROB");
  console.bind("", "");
  console.execute("");
  console.query("SHOW STATE");
  CHECK(console.output() == "E:42601 invalid command 'FROB', use SHOW HELP;");
  console.sync();
  CHECK(console.output() == "Z:I");
  CHECK(console.executor.ran.empty());
}

TEST_CASE("a command that takes its time, and fails, in the extended protocol") {
  ConsoleHarness console;
  console.parse("", "PAUSE x");
  console.bind("", "");
  console.execute("");
  console.bind("", "");
  console.sync();
  CHECK(console.output() == "1 | 2");
  console.session.finish(console.executor.last_ticket, failed("3D000", "no such database: x"));
  CHECK(console.output() == "E:3D000 no such database: x | Z:I");

  console.parse("", "RESUME");
  console.bind("", "");
  console.execute("");
  console.sync();
  console.session.finish(console.executor.last_ticket, {});
  CHECK(console.output() == "1 | 2 | C:RESUME | Z:I");
}

TEST_CASE("a limit of rows suspends the portal") {
  ConsoleHarness console;
  console.executor.shown = {{cell("a"), cell("1")}, {cell("b"), cell("2")}, {cell("c"), cell("3")}};
  console.parse("", "SHOW STATE");
  console.bind("p", "");
  console.execute("p", 2);
  console.execute("p", 2);
  console.sync();
  CHECK(console.output() == "1 | 2 | D:a,1 | D:b,2 | s | D:c,3 | C:SHOW | Z:I");
  CHECK(console.executor.ran.size() == 1);
}

TEST_CASE("portals end with Sync outside of a transaction, and stay inside of one") {
  ConsoleHarness console;
  console.parse("s", "SHOW STATE");
  console.bind("p", "s");
  console.sync();
  console.execute("p");
  console.sync();
  CHECK(console.output() == "1 | 2 | Z:I | E:34000 portal \"p\" does not exist | Z:I");
  console.query("BEGIN");
  console.bind("p", "s");
  console.sync();
  console.execute("p");
  console.sync();
  CHECK(console.output() == "C:BEGIN | Z:T | 2 | Z:T | D:active,yes | C:SHOW | Z:T");
}

TEST_CASE("names that exist already or that do not, and too many of them") {
  ConsoleHarness console;
  console.parse("s", "SHOW STATE");
  console.parse("s", "SHOW STATE");
  console.sync();
  CHECK(console.output() == "1 | E:42P05 prepared statement \"s\" already exists | Z:I");
  console.bind("p", "s");
  console.bind("p", "s");
  console.sync();
  CHECK(console.output() == "2 | E:42P03 cursor \"p\" already exists | Z:I");
  console.describe('S', "x");
  console.sync();
  CHECK(console.output() == "E:26000 prepared statement \"x\" does not exist | Z:I");
  console.describe('P', "x");
  console.sync();
  CHECK(console.output() == "E:34000 portal \"x\" does not exist | Z:I");
  for (std::size_t i = 1; i < PreparedCommands::kMaxObjects; ++i) {
    console.parse("n" + std::to_string(i), "SHOW STATE");
  }
  CHECK(console.output().find('E') == std::string::npos);
  console.parse("one more", "SHOW STATE");
  console.sync();
  CHECK(console.output() == "E:54000 too many prepared statements | Z:I");
}

TEST_CASE("what a Bind may not ask for") {
  ConsoleHarness console;
  console.parse("s", "SHOW STATE");
  console.parse("t", "PAUSE; RESUME");
  console.sync();
  CHECK(console.output() ==
        "1 | E:42601 cannot insert multiple commands into a prepared statement | Z:I");
  console.bind("", "s", {0, 1, 0});
  console.sync();
  CHECK(console.output() ==
        "E:08P01 bind message has 3 result formats but query has 2 columns | Z:I");
  console.bind("", "s", {2});
  console.sync();
  CHECK(console.output() == "E:22023 unsupported format code: 2 | Z:I");
  std::string with_parameter = text_z("") + text_z("s") + std::string(2, '\0');
  with_parameter += std::string("\0\1\0\0\0\1x\0\0", 9);
  console.send('B', with_parameter);
  console.sync();
  CHECK(console.output() ==
        "E:08P01 bind message supplies 1 parameters, but console commands take none | Z:I");
}

TEST_CASE("malformed messages are errors, not surprises") {
  for (const char tag : {'P', 'B', 'D', 'C', 'E'}) {
    for (const std::string& body :
         {std::string(), std::string("x"), std::string("\0", 1), std::string("S"),
          std::string("\0\0", 2), std::string("\0\377\377", 3)}) {
      CAPTURE(tag);
      CAPTURE(body.size());
      ConsoleHarness console;
      console.send(tag, body);
      console.sync();
      const std::string output = console.output();
      CHECK(output.starts_with("E:"));
      CHECK(output.ends_with("| Z:I"));
    }
  }
}

TEST_CASE("a Bind that promises more than it holds") {
  for (const std::string& tail :
       {std::string("\377\377", 2), std::string("\0\0\0\0\377\377", 6), std::string("\0\1\0", 3)}) {
    CAPTURE(tail.size());
    ConsoleHarness console;
    console.parse("", "SHOW STATE");
    console.send('B', std::string(2, '\0') + tail);
    console.sync();
    CHECK(console.output() == "1 | E:08P01 malformed Bind message | Z:I");
  }
}

TEST_CASE("binary results: asked for by column") {
  ConsoleHarness console;
  console.parse("", "SELECT 258");
  console.bind("", "", {1});
  console.describe('P', "");
  console.execute("");
  console.sync();
  const std::string output = console.session.take_output();
  CHECK(output.find(std::string("\0\0\0\4\0\0\1\2", 8)) != std::string::npos);
  CHECK(output.find("258") == std::string::npos);
}

}  // namespace
}  // namespace pgsaba::admin
