#include "control/admin/console_session.h"

#include <doctest/doctest.h>

#include "console_harness.h"

namespace pgsaba::admin {
namespace {

TEST_CASE("a simple query: description, rows, tag, ready") {
  ConsoleHarness console;
  CHECK(console.answer("SHOW STATE;") == "T:2 | D:active,yes | C:SHOW | Z:I");
  CHECK(console.answer("") == "I | Z:I");
  CHECK(console.answer(";") == "I | Z:I");
  CHECK(console.answer("SELECT 1") == "T:1 | D:1 | C:SELECT 1 | Z:I");
  CHECK(console.answer("SHOW client_encoding") == "T:1 | D:UTF8 | C:SHOW | Z:I");
  CHECK(console.answer("SET timezone = 'UTC'") == "N:SET ignored | C:SET | Z:I");
  CHECK(console.answer("SHOW HELP") == "N:Console usage | C:SHOW | Z:I");
  CHECK(console.answer("SHOW FDS") == "E:0A000 SHOW FDS is not supported | Z:I");
  CHECK(console.executor.ran == std::vector<std::string>{"SHOW"});  // all others need nobody
}

TEST_CASE("a wrong command is an error, and the session lives") {
  ConsoleHarness console;
  CHECK(console.answer("SHOW POOL") == "E:42601 invalid command 'SHOW POOL', use SHOW HELP; | Z:I");
  CHECK_FALSE(console.session.closing());
  CHECK(console.answer("SHOW STATE") == "T:2 | D:active,yes | C:SHOW | Z:I");
}

TEST_CASE("several commands in one query; none runs if one is wrong") {
  ConsoleHarness console;
  CHECK(console.answer("SELECT 1; SHOW STATE") ==
        "T:1 | D:1 | C:SELECT 1 | T:2 | D:active,yes | C:SHOW | Z:I");
  console.executor.ran.clear();
  console.query("PAUSE; FROB");
  CHECK(console.executor.ran.empty());
}

TEST_CASE("a command that takes its time: later input waits, one command at a time") {
  ConsoleHarness console;
  CHECK(console.answer("PAUSE shop").empty());
  CHECK(console.answer("SHOW STATE").empty());
  console.query("RESUME shop");
  CHECK(console.executor.ran == std::vector<std::string>{"PAUSE"});
  console.session.finish(console.executor.last_ticket, {});
  CHECK(console.output() == "C:PAUSE | Z:I | T:2 | D:active,yes | C:SHOW | Z:I");
  CHECK(console.executor.ran == std::vector<std::string>{"PAUSE", "SHOW", "RESUME"});
  console.session.finish(console.executor.last_ticket, {});
  CHECK(console.output() == "C:RESUME | Z:I");
}

TEST_CASE("an error of the executor ends the rest of its query only") {
  ConsoleHarness console;
  console.query("PAUSE x; RESUME x");
  console.query("SHOW STATE");
  console.session.finish(console.executor.last_ticket, failed("3D000", "no such database: x"));
  CHECK(console.output() ==
        "E:3D000 no such database: x | Z:I | T:2 | D:active,yes | C:SHOW | Z:I");
  CHECK(console.executor.ran == std::vector<std::string>{"PAUSE", "SHOW"});
}

TEST_CASE("a cancel ends the command in flight, and its late end is ignored") {
  ConsoleHarness console;
  console.query("PAUSE");
  const Ticket ticket = console.executor.last_ticket;
  console.session.cancel();
  CHECK(console.executor.abandoned == std::vector<Ticket>{ticket});
  CHECK(console.output() == "E:57014 canceling statement due to user request | Z:I");
  console.session.finish(ticket, {});
  CHECK(console.output().empty());
  console.session.cancel();  // nothing runs any more
  CHECK(console.executor.abandoned.size() == 1);
  console.query("RELOAD");
  console.session.finish(ticket, {});  // not the one that runs now
  CHECK(console.output().empty());
  console.session.finish(console.executor.last_ticket, {});
  CHECK(console.output() == "C:RELOAD | Z:I");
}

TEST_CASE("a lost connection abandons its command") {
  ConsoleHarness console;
  console.query("SUSPEND");
  console.session.disconnected();
  CHECK(console.executor.abandoned.size() == 1);
  CHECK(console.session.closing());
  console.session.finish(console.executor.last_ticket, {});
  CHECK(console.output().empty());
}

TEST_CASE("a stats user may look and no more") {
  ConsoleHarness console(Access::kStats);
  CHECK(console.answer("SHOW STATE") == "T:2 | D:active,yes | C:SHOW | Z:I");
  for (const char* text : {"PAUSE", "KILL_CLIENT 1", "SET pool_size = 1", "SHUTDOWN"}) {
    CAPTURE(text);
    CHECK(console.answer(text) == "E:42501 admin access needed | Z:I");
  }
  CHECK(console.executor.ran == std::vector<std::string>{"SHOW"});
  console.parse("", "PAUSE");
  console.bind("", "");
  console.execute("");
  console.sync();
  CHECK(console.output() == "1 | 2 | E:42501 admin access needed | Z:I");
}

TEST_CASE("transaction blocks are played along with, and errors do not fail them") {
  ConsoleHarness console;
  CHECK(console.answer("BEGIN") == "C:BEGIN | Z:T");
  CHECK(console.answer("FROB") == "E:42601 invalid command 'FROB', use SHOW HELP; | Z:T");
  CHECK(console.answer("SHOW STATE") == "T:2 | D:active,yes | C:SHOW | Z:T");
  CHECK(console.answer("COMMIT") == "C:COMMIT | Z:I");
}

TEST_CASE("Terminate closes in its turn; unknown messages close at once") {
  ConsoleHarness console;
  console.query("RELOAD");
  console.send('X');
  CHECK_FALSE(console.session.closing());
  console.session.finish(console.executor.last_ticket, {});
  CHECK(console.output() == "C:RELOAD | Z:I");
  CHECK(console.session.closing());

  ConsoleHarness other;
  other.send('?');
  CHECK(other.output() == "E:08P01 unexpected message type");
  CHECK(other.session.closing());
}

TEST_CASE("function calls are refused, stray COPY messages ignored") {
  ConsoleHarness console;
  console.send('F', "xx");
  CHECK(console.output() == "E:0A000 function calls are not supported by the console | Z:I");
  console.send('d', "xx");
  console.send('c');
  console.send('f', text_z("no"));
  CHECK(console.output().empty());
  CHECK_FALSE(console.session.closing());
}

TEST_CASE("what piles up behind a command is bounded") {
  ConsoleHarness console;
  console.query("PAUSE");
  CHECK(console.session.wants_input());
  const std::string big(32'000, 'x');
  for (int i = 0; i < 9; ++i) console.query(big);
  CHECK_FALSE(console.session.wants_input());
  CHECK_FALSE(console.session.closing());
  for (int i = 0; i < 9; ++i) console.query(big);
  CHECK(console.session.closing());
  CHECK(console.output() == "E:54000 too many messages behind a running command");
  CHECK(console.executor.abandoned.size() == 1);
}

TEST_CASE("empty messages fill the queue as well") {
  ConsoleHarness console;
  console.query("PAUSE");
  for (int i = 0; i < 5'000; ++i) console.send('S');
  CHECK_FALSE(console.session.wants_input());
}

TEST_CASE("who does not read gets no more than the output's limit at a time") {
  ConsoleHarness console;
  console.executor.shown = {{cell(std::string(900'000, 'x')), cell("y")}};
  for (int i = 0; i < 4; ++i) console.query("SHOW STATE");
  CHECK(console.executor.ran.size() == 2);
  CHECK_FALSE(console.session.take_output().empty());
  CHECK(console.executor.ran.size() == 4);
  CHECK_FALSE(console.session.take_output().empty());
  CHECK(console.output() == "Z:I");
  CHECK(console.output().empty());
}

TEST_CASE("a refused session says FATAL and closes") {
  ConsoleHarness console;
  console.session.refuse(problem("57P01", "shutting down"));
  const std::string output = console.session.take_output();
  CHECK(output.find("FATAL") != std::string::npos);
  CHECK(console.session.closing());
  console.query("SHOW STATE");
  CHECK(console.output().empty());
}

}  // namespace
}  // namespace pgsaba::admin
