#include "control/console_desk.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "desk_harness.h"

using namespace pgsaba;
using namespace pgsaba::control;

namespace {

long count(const std::string& text, const std::string& part) {
  long found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1))
    ++found;
  return found;
}

bool holds(const std::string& text, const std::string& part) { return count(text, part) > 0; }

}  // namespace

TEST_CASE("a console is greeted with parameters and readiness") {
  DeskHarness harness;
  harness.desk.console_opened(0, 7, "root", true);
  REQUIRE(harness.run_until([&] { return !harness.daemon.outputs[7].empty(); }));
  const std::string bytes = harness.daemon.outputs[7];
  CHECK(holds(bytes, "session_authorization"));
  CHECK(bytes.ends_with(std::string("Z\0\0\0\5I", 6)));
  CHECK(harness.desk.size() == 1);
  harness.close(7);
  CHECK(harness.desk.size() == 0);
}

TEST_CASE("wrong commands and foreign frames") {
  DeskHarness harness;
  harness.open(1);
  CHECK(holds(harness.answer(1, "PAUSSE"), "E:42601"));
  CHECK(holds(harness.answer(1, "PAUSE nowhere"), "E:3D000 no such database: nowhere"));
  CHECK(holds(harness.answer(1, "PAUSE pgbouncer"), "E:0A000"));
  CHECK(holds(harness.answer(1, "DISABLE \"*\""), "E:3D000"));
  CHECK(holds(harness.answer(1, "SUSPEND"), "E:0A000"));
  harness.desk.console_frame(0, 99, "Q");  // of a console that is gone, and too short
  harness.desk.console_frame(0, 1, "Q");
  CHECK(harness.answer(1, "SHOW VERSION") == "T:1 | D:pgsaba 0.1.0 | C:SHOW | Z:I");
  CHECK(harness.answer(1, "SHOW PREPARED") ==
        "T:6 | D:_pgsaba_3,select 1,300,1,0,0 | C:SHOW | Z:I");
  CHECK(harness.answer(1, "SHOW MEM") == "T:5 | D:texts,10,2,1,30 | C:SHOW | Z:I");
}

TEST_CASE("a stats user may look only") {
  DeskHarness harness;
  harness.open(1, false);
  CHECK(holds(harness.answer(1, "KILL app"), "E:42501"));
  CHECK(harness.daemon.kills.empty());
  CHECK(holds(harness.answer(1, "SHOW POOLS"), "C:SHOW"));
}

TEST_CASE("servers are named, and must be known") {
  DeskHarness harness;
  harness.open(1);
  CHECK(holds(harness.answer(1, "DISABLE SERVER three"), "E:42704 no such server: three"));
  CHECK(holds(harness.answer(1, "DISABLE SERVER two IN other"), "E:42704"));
  CHECK(holds(harness.answer(1, "DISABLE SERVER two IN rdb"), "C:DISABLE"));
  CHECK(harness.daemon.current.disabled_servers.contains({"rdb", "two"}));
  CHECK(holds(harness.answer(1, "ENABLE SERVER two"), "C:ENABLE"));
  CHECK(harness.daemon.current.disabled_servers.empty());
}

TEST_CASE("a switchover is answered when it is over, and given up with its console") {
  DeskHarness harness;
  harness.open(1);
  harness.send(1, "SWITCHOVER TO two");
  REQUIRE(harness.run_until([&] { return !harness.daemon.switchovers.empty(); }));
  CHECK(harness.daemon.switchovers.front() == std::pair<std::string, std::size_t>("rdb", 1));
  harness.close(1);
  CHECK(harness.daemon.switchovers.empty());
}

TEST_CASE("Terminate ends the console at the worker too") {
  DeskHarness harness;
  harness.open(1);
  harness.desk.console_frame(0, 1, std::string("X\0\0\0\4", 5));
  CHECK(harness.run_until([&] { return harness.daemon.ended[1]; }));
  CHECK(harness.desk.size() == 0);
}

// ---- SHOW --------------------------------------------------------------------------------------

TEST_CASE("SHOW POOLS has the workers' pools and the console's") {
  DeskHarness harness;
  harness.add_pool("app", 3);
  harness.daemon.snapshots.push_back(harness.daemon.snapshots[0]);
  harness.open(1);
  harness.add_client(1, "");
  const std::string answer = harness.answer(1, "SHOW POOLS");
  CHECK(holds(answer, "D:app,alice,0,0,0,0,6,"));
  CHECK(holds(answer, "D:pgsaba,pgsaba,1,0,"));
  CHECK(count(answer, "D:") == 2);
}

TEST_CASE("every console is one client of the console's database, however the workers name it") {
  DeskHarness harness;
  harness.open(1);
  harness.open(2);
  harness.open(3);
  harness.add_client(1, "");
  harness.add_client(2, "pgbouncer");
  harness.add_client(3, "pgsaba");
  harness.add_client(4, "app");
  harness.add_client(5, "pgbouncer");  // whose login the desk has not heard of yet
  const std::string answer = harness.answer(1, "SHOW CLIENTS");
  CHECK(count(answer, "D:C,alice,pgsaba,") == 4);
  CHECK(count(answer, "D:C,alice,app,") == 1);
  CHECK(count(answer, "D:") == 5);
}

TEST_CASE("SHOW DATABASES tells servers, sizes and what is paused or disabled") {
  DeskHarness harness;
  harness.open(1);
  CHECK(harness.answer(1, "DISABLE shop") == "C:DISABLE | Z:I");
  CHECK(harness.answer(1, "PAUSE app") == "C:PAUSE | Z:I");
  const std::string before = harness.answer(1, "SHOW DATABASES");
  CHECK(holds(before, "D:app,127.0.0.1,db.test,5433,app,"));
  CHECK(count(before, ",1,0,rdb,primary") == 1);
  CHECK(count(before, ",0,1,rdb,primary") == 1);
  CHECK(harness.answer(1, "ENABLE shop") == "C:ENABLE | Z:I");
  CHECK(harness.daemon.current.disabled.empty());
}

TEST_CASE("SHOW CONFIG has rows, SET changes what may change now") {
  DeskHarness harness;
  harness.open(1);
  CHECK(holds(harness.answer(1, "SHOW CONFIG"), "D:default_pool_size,20,20,yes"));
  CHECK(harness.answer(1, "SET default_pool_size = 5") == "C:SET default_pool_size=5 | Z:I");
  CHECK(holds(harness.answer(1, "SHOW CONFIG"), "D:default_pool_size,5,20,yes"));
  CHECK(harness.answer(1, "SET timeouts.query_wait = '2min'") ==
        "C:SET timeouts.query_wait=2min | Z:I");
  CHECK(holds(harness.answer(1, "SHOW CONFIG"), "D:query_wait_timeout,120,120,yes"));
  CHECK(holds(harness.answer(1, "SET listen_backlog = 5"), "E:55P02"));
  CHECK(harness.answer(1, "SET auth_type = scram-sha-256") == "E:22023 auth.file is missing | Z:I");
  CHECK(harness.answer(1, "SET auth_type = trust") == "C:SET auth_type=trust | Z:I");
  CHECK(holds(harness.answer(1, "SET server_tls.mode = require"), "E:55P02"));
  CHECK(holds(harness.answer(1, "SET http.certificate = '/x'"), "E:55P02"));
  CHECK(holds(harness.answer(1, "SET admin.hba_file = '/x'"), "E:55P02"));
  CHECK(holds(harness.answer(1, "SET default_pool_size = many"), "E:22023"));
  CHECK(holds(harness.answer(1, "SET deny_relations = 'a b'"), "E:"));
  CHECK(holds(harness.answer(1, "SET nonsense = 5"), "E:42704"));
}

// ---- PAUSE and its kin -------------------------------------------------------------------------

TEST_CASE("PAUSE answers when no server of its database is in use") {
  DeskHarness harness;
  harness.add_pool("app", 1);
  harness.add_pool("shop", 1);
  harness.open(1);
  harness.send(1, "PAUSE app");
  harness.run_for(120 * kMillisecond);
  CHECK(harness.daemon.current.paused.contains("app"));
  CHECK(harness.take(1).empty());
  harness.daemon.snapshots[0].pools[0].sv_active = 0;
  harness.daemon.snapshots[0].pools[0].sv_tested = 1;
  harness.run_for(120 * kMillisecond);
  CHECK(harness.take(1).empty());
  harness.daemon.snapshots[0].pools[0].sv_tested = 0;
  CHECK(harness.rest_of_answer(1) == "C:PAUSE | Z:I");
  CHECK(harness.daemon.current.paused.contains("app"));
  const int asked = harness.daemon.gathered;  // nobody waits, nobody asks
  harness.run_for(200 * kMillisecond);
  CHECK(harness.daemon.gathered == asked);
}

TEST_CASE("PAUSE of all waits for all, and is refused twice") {
  DeskHarness harness;
  harness.add_pool("shop", 1);
  harness.open(1);
  harness.open(2);
  harness.send(1, "PAUSE");
  harness.run_for(120 * kMillisecond);
  CHECK(harness.take(1).empty());
  CHECK(holds(harness.answer(2, "PAUSE"), "E:55000 already paused"));
  CHECK(holds(harness.answer(2, "RESUME app"), "E:55000 database app is not paused"));
  harness.daemon.snapshots[0].pools.clear();
  CHECK(harness.rest_of_answer(1) == "C:PAUSE | Z:I");
  CHECK(harness.answer(2, "RESUME") == "C:RESUME | Z:I");
  CHECK_FALSE(harness.daemon.current.all_paused);
  CHECK(holds(harness.answer(2, "RESUME"), "E:55000 pooler is not paused"));
}

TEST_CASE("a PAUSE that waits is taken back when its console goes") {
  DeskHarness harness;
  harness.add_pool("app", 1);
  harness.open(1);
  harness.open(2);
  harness.send(1, "PAUSE app");
  harness.run_for(20 * kMillisecond);
  REQUIRE(harness.daemon.current.paused.contains("app"));
  harness.send(2, "PAUSE app");  // waits with the first
  harness.run_for(20 * kMillisecond);
  harness.close(1);
  CHECK(harness.daemon.current.paused.empty());
  CHECK(holds(harness.rest_of_answer(2), "E:55000 the pause was lifted"));
}

TEST_CASE("a PAUSE that waits is taken back when it is cancelled, and the console goes on") {
  DeskHarness harness;
  harness.open(1);
  harness.add_pool("app", 1);
  harness.send(1, "PAUSE app; SHOW VERSION");
  REQUIRE(harness.run_until([&] { return harness.daemon.current.paused.contains("app"); }));
  harness.desk.console_canceled(0, 1);
  const std::string said = harness.rest_of_answer(1);
  CHECK(holds(said, "E:57014"));
  CHECK_FALSE(holds(said, "pgsaba"));  // nor does the rest of the string run
  CHECK_FALSE(harness.daemon.current.paused.contains("app"));
  CHECK(harness.answer(1, "SHOW VERSION") == "T:1 | D:pgsaba 0.1.0 | C:SHOW | Z:I");
}

TEST_CASE("a cancelled WAIT_CLOSE ends, and one that comes too late does nothing") {
  DeskHarness harness;
  harness.open(1);
  stats::ServerRow row;
  row.database = "app";
  row.close_needed = true;
  harness.daemon.snapshots[0].servers.push_back(row);
  harness.send(1, "WAIT_CLOSE app");
  harness.run_for(20 * kMillisecond);
  harness.desk.console_canceled(0, 1);
  CHECK(harness.rest_of_answer(1) == "E:57014 canceling statement due to user request | Z:I");
  harness.desk.console_canceled(0, 1);
  harness.desk.console_canceled(0, 9);
  harness.run_for(5 * kMillisecond);
  CHECK(harness.take(1).empty());
  CHECK(holds(harness.answer(1, "SHOW VERSION"), "C:SHOW"));
}

TEST_CASE("who joins a PAUSE does not take it back") {
  DeskHarness harness;
  harness.add_pool("app", 1);
  harness.open(1);
  harness.open(2);
  harness.send(1, "PAUSE app");
  harness.send(2, "PAUSE app");
  harness.run_for(20 * kMillisecond);
  harness.close(2);
  CHECK(harness.daemon.current.paused.contains("app"));
}

TEST_CASE("a PAUSE that has been answered stays when its console goes") {
  DeskHarness harness;
  harness.open(1);
  CHECK(harness.answer(1, "PAUSE app") == "C:PAUSE | Z:I");
  harness.close(1);
  CHECK(harness.daemon.current.paused.contains("app"));
}

TEST_CASE("RESUME from elsewhere ends the PAUSE that waits") {
  DeskHarness harness;
  harness.add_pool("app", 1);
  harness.open(1);
  harness.open(2);
  harness.send(1, "PAUSE app");
  harness.run_for(20 * kMillisecond);
  SUBCASE("another console, by name") {
    CHECK(harness.answer(2, "RESUME app") == "C:RESUME | Z:I");
  }
  SUBCASE("another console, all") { CHECK(harness.answer(2, "RESUME") == "C:RESUME | Z:I"); }
  SUBCASE("a signal") { harness.daemon.current.paused.clear(); }
  CHECK(holds(harness.rest_of_answer(1), "E:55000 the pause was lifted before it was complete"));
  CHECK(harness.daemon.current.paused.empty());
}

TEST_CASE("a PAUSE that waits does not go over to a later pause") {
  DeskHarness harness;
  harness.add_pool("app", 1);
  harness.open(1);
  harness.open(2);
  harness.send(1, "PAUSE app");
  harness.run_for(20 * kMillisecond);
  harness.send(2, "RESUME app; PAUSE app");
  CHECK(holds(harness.rest_of_answer(1), "E:55000 the pause was lifted"));
  CHECK(harness.daemon.current.paused.contains("app"));
}

TEST_CASE("a PAUSE is not judged by snapshots older than itself") {
  DeskHarness harness;
  harness.add_pool("app", 1);
  harness.open(1);
  harness.open(2);
  harness.daemon.holding = true;
  harness.send(1, "PAUSE app");
  harness.run_for(10 * kMillisecond);
  REQUIRE(harness.daemon.held.size() == 1);
  harness.add_pool("shop", 1);  // busy only after the first question
  harness.send(2, "PAUSE shop");
  harness.run_for(10 * kMillisecond);
  REQUIRE(harness.daemon.held.size() == 2);
  harness.daemon.held[0]();
  CHECK(harness.take(2).empty());
  harness.daemon.snapshots[0].pools.clear();
  harness.daemon.holding = false;
  CHECK(harness.rest_of_answer(2) == "C:PAUSE | Z:I");
}

TEST_CASE("a lifted PAUSE ends even if workers do not answer") {
  DeskHarness harness;
  harness.open(1);
  harness.daemon.holding = true;
  harness.send(1, "PAUSE app");
  harness.run_for(10 * kMillisecond);
  harness.daemon.current.paused.clear();
  CHECK(holds(harness.rest_of_answer(1), "E:55000 the pause was lifted"));
}

TEST_CASE("KILL leaves paused what RESUME brings back") {
  DeskHarness harness;
  harness.open(1);
  CHECK(harness.answer(1, "KILL app") == "C:KILL | Z:I");
  CHECK(harness.daemon.current.paused.contains("app"));
  CHECK(harness.answer(1, "KILL") == "C:KILL | Z:I");
  CHECK(harness.daemon.current.all_paused);
  REQUIRE(harness.daemon.kills.size() == 2);
  CHECK(harness.daemon.kills[0].second.database == "app");
  CHECK(harness.daemon.kills[1].second.database.empty());
  CHECK(harness.answer(1, "RESUME") == "C:RESUME | Z:I");
  CHECK_FALSE(harness.daemon.current.is_paused("app"));
  CHECK_FALSE(harness.daemon.current.is_paused("shop"));
}

TEST_CASE("WAIT_CLOSE answers when nothing is left to close") {
  DeskHarness harness;
  harness.open(1);
  CHECK(harness.answer(1, "RECONNECT app") == "C:RECONNECT | Z:I");
  CHECK(harness.daemon.reconnects == std::vector<std::string>{"app"});
  stats::ServerRow old;
  old.database = "app";
  old.close_needed = true;
  harness.daemon.snapshots[0].servers = {old};
  CHECK(harness.answer(1, "WAIT_CLOSE shop") == "C:WAIT_CLOSE | Z:I");
  harness.send(1, "WAIT_CLOSE app");
  harness.run_for(120 * kMillisecond);
  CHECK(harness.take(1).empty());
  harness.daemon.snapshots[0].servers.clear();
  CHECK(harness.rest_of_answer(1) == "C:WAIT_CLOSE | Z:I");
}

// ---- the rest ----------------------------------------------------------------------------------

TEST_CASE("KILL_CLIENT goes to the client's worker, and to nobody if there is none") {
  DeskHarness harness;
  harness.daemon.snapshots.resize(2);
  harness.daemon.snapshots[1].worker = 1;
  harness.add_client(5, "app");
  harness.add_client(0, "app");  // would be everybody
  std::swap(harness.daemon.snapshots[0].clients, harness.daemon.snapshots[1].clients);
  harness.open(1);
  CHECK(holds(harness.answer(1, "KILL_CLIENT 6"), "E:42704 client not found"));
  CHECK(holds(harness.answer(1, "KILL_CLIENT 0"), "E:"));
  CHECK(harness.daemon.kills.empty());
  CHECK(harness.answer(1, "KILL_CLIENT 5") == "C:KILL_CLIENT | Z:I");
  REQUIRE(harness.daemon.kills.size() == 1);
  CHECK(harness.daemon.kills[0].first == 1);
  CHECK(harness.daemon.kills[0].second.client == 5);
}

TEST_CASE("RELOAD tells why it failed") {
  DeskHarness harness;
  harness.open(1);
  CHECK(harness.answer(1, "RELOAD") == "C:RELOAD | Z:I");
  harness.daemon.reload_result = Error{"line 3: no such setting"};
  CHECK(harness.answer(1, "RELOAD") == "E:F0000 RELOAD failed: line 3: no such setting | Z:I");
}

TEST_CASE("SHUTDOWN at once says nothing, the others do") {
  DeskHarness harness;
  harness.open(1);
  CHECK(harness.answer(1, "SHUTDOWN WAIT_FOR_SERVERS") == "C:SHUTDOWN | Z:I");
  CHECK(harness.answer(1, "SHUTDOWN WAIT_FOR_CLIENTS") == "C:SHUTDOWN | Z:I");
  harness.send(1, "SHUTDOWN");
  harness.run_for(20 * kMillisecond);
  CHECK(harness.take(1).empty());
  CHECK(harness.daemon.shutdowns == std::vector{ShutdownMode::kWaitForTransactions,
                                                ShutdownMode::kWaitForClients,
                                                ShutdownMode::kAtOnce});
}

TEST_CASE("a drained worker is reported on the control thread") {
  DeskHarness harness;
  harness.desk.worker_drained(3);
  CHECK(harness.drained.empty());
  CHECK(harness.run_until([&] { return harness.drained == std::vector<std::size_t>{3}; }));
}

TEST_CASE("averages are made once a period") {
  net::ControlLoop loop;
  FakeDaemon daemon(loop);
  auto config = std::make_shared<config::Config>(*daemon.current.config);
  config->log.stats_period_us = 200 * kMillisecond;
  daemon.current.config = config;
  stats::DatabaseStats passed{"app", {}};
  passed.totals.xact_count = 1'000;
  daemon.snapshots[0].databases = {passed};
  ConsoleDesk desk(loop, daemon, "0.1.0");
  const net::Watch end = loop.after(300 * kMillisecond, [&] { loop.stop(); });
  loop.run();
  const std::uint64_t rate = desk.averages().of("app").xact_count;
  CHECK(rate > 2'000);  // 5000, however late the timer was
  CHECK(rate <= 5'000);
}

TEST_CASE("the line of averages is PgBouncer's") {
  stats::TrafficTotals averages;
  averages.xact_count = 1;
  averages.query_count = 2;
  averages.bytes_received = 3;
  averages.bytes_sent = 4;
  averages.wait_time_us = 5;
  CHECK(stats_line(averages) ==
        "stats: 1 xacts/s, 2 queries/s, 0 client parses/s, 0 server parses/s, 0 binds/s, "
        "0 client logins/s, in 3 B/s, out 4 B/s, xact 0 us, query 0 us, wait 5 us");
}
