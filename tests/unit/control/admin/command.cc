#include "control/admin/command.h"

#include <doctest/doctest.h>

#include <array>

namespace pgsaba::admin {
namespace {

// A command in one line of text, so that a table can say what is expected.
struct Describe {
  std::string operator()(const Show& c) const {
    return "show " + std::to_string(static_cast<int>(c.subject));
  }
  std::string operator()(const ExplainRoute& c) const {
    return "explain route(" + c.database + ") " + c.sql;
  }
  std::string operator()(const OnDatabase& c) const { return tag_of(c) + "(" + c.database + ")"; }
  std::string operator()(const OnServer& c) const {
    return tag_of(c) + "(" + c.server + (c.cluster.empty() ? "" : "@" + c.cluster) + ")";
  }
  std::string operator()(const OnProcess& c) const {
    return tag_of(c) + "#" + std::to_string(static_cast<int>(c.verb));
  }
  std::string operator()(const KillClient& c) const { return "kill " + std::to_string(c.id); }
  std::string operator()(const SetSetting& c) const { return c.key + ":=" + c.value; }
  std::string operator()(const ShowParameter& c) const {
    return "parameter " + std::string(c.name) + "=" + std::string(c.value);
  }
  std::string operator()(const SetParameter&) const { return "ignored SET"; }
  std::string operator()(const SelectConstant& c) const { return "select " + c.value; }
  std::string operator()(const Transaction& c) const { return tag_of(c); }
  std::string operator()(const Tidy& c) const { return "tidy " + c.tag; }
};

std::string parsed(std::string_view text) {
  const auto commands = parse_commands(text);
  if (!commands) return "error";
  std::string all;
  for (const AdminCommand& command : *commands) {
    all += (all.empty() ? "" : " | ") + std::visit(Describe{}, command);
  }
  return all;
}

std::string show(Subject subject) { return Describe{}(Show{subject}); }

struct Case {
  std::string_view text;
  std::string_view expected;
};

TEST_CASE("commands and what they mean") {
  constexpr std::array kCases = {
      Case{"", ""},
      Case{" ; ;\n", ""},
      Case{"-- nothing\n", ""},
      Case{"EXPLAIN ROUTE 'select ''a'';'", "explain route() select 'a';"},
      Case{"explain route for shop 'select 1';", "explain route(shop) select 1"},
      Case{"EXPLAIN ROUTE FOR \"my shop\" $$select 'a'$$", "explain route(my shop) select 'a'"},
      Case{"EXPLAIN ROUTE FOR '*' $q$select $$a$$$q$", "explain route(*) select $$a$$"},
      Case{"EXPLAIN ROUTE ''", "explain route() "},
      Case{"EXPLAIN ROUTE select", "error"},
      Case{"EXPLAIN ROUTE", "error"},
      Case{"EXPLAIN ROUTE FOR shop", "error"},
      Case{"EXPLAIN ROUTE FOR shop shop 'select 1'", "error"},
      Case{"EXPLAIN ROUTE 'select 1' 'select 2'", "error"},
      Case{"EXPLAIN 'select 1'", "error"},
      Case{"EXPLAIN ROUTE $$select 1", "error"},
      Case{"EXPLAIN ROUTE $1", "error"},
      Case{"PAUSE", "PAUSE()"},
      Case{"pause shop;", "PAUSE(shop)"},
      Case{"  Pause \t \"my \"\"shop\"  ;  ", "PAUSE(my \"shop)"},
      Case{"RESUME", "RESUME()"},
      Case{"RESUME Shop", "RESUME(Shop)"},
      Case{"RECONNECT mastodon-primary", "RECONNECT(mastodon-primary)"},
      Case{"KILL db.1", "KILL(db.1)"},
      Case{"WAIT_CLOSE", "WAIT_CLOSE()"},
      Case{"DISABLE shop", "DISABLE(shop)"},
      Case{"ENABLE shop", "ENABLE(shop)"},
      Case{"DISABLE server", "DISABLE(server)"},
      Case{"DISABLE SERVER rdb-02", "DISABLE(rdb-02)"},
      Case{"enable server 'rdb 2' in RDB", "ENABLE(rdb 2@RDB)"},
      Case{"SWITCHOVER TO \"10.0.0.12:5432\"", "SWITCHOVER(10.0.0.12:5432)"},
      Case{"switchover to rdb-02 in rdb;", "SWITCHOVER(rdb-02@rdb)"},
      Case{"SWITCHOVER rdb-02", "error"},
      Case{"SWITCHOVER TO", "error"},
      Case{"SWITCHOVER TO rdb-02 IN", "error"},
      Case{"SWITCHOVER TO rdb-02 FOR rdb", "error"},
      Case{"DISABLE SERVER ,", "error"},
      Case{"KILL_CLIENT 4711", "kill 4711"},
      Case{"RELOAD", "RELOAD#0"},
      Case{"UPGRADE", "UPGRADE#1"},
      Case{"SUSPEND", "SUSPEND#2"},
      Case{"SHUTDOWN", "SHUTDOWN#3"},
      Case{"shutdown wait_for_servers", "SHUTDOWN#4"},
      Case{"SHUTDOWN WAIT_FOR_CLIENTS;", "SHUTDOWN#5"},
      Case{"SET pool_size = 30", "pool_size:=30"},
      Case{"set pool_size to '30'", "pool_size:=30"},
      Case{"SET log_level='it''s'", "log_level:=it's"},
      Case{"SET offset = -1", "offset:=-1"},
      Case{"PAUSE a; RESUME a;", "PAUSE(a) | RESUME(a)"},
      Case{"PAUSE 'shop'", "error"},
      Case{"PAUSE a b", "error"},
      Case{"DISABLE", "error"},
      Case{"KILL_CLIENT", "error"},
      Case{"KILL_CLIENT 12x", "error"},
      Case{"KILL_CLIENT -1", "error"},
      Case{"KILL_CLIENT 99999999999999999999", "error"},
      Case{"SHUTDOWN NOW", "error"},
      Case{"RELOAD shop", "error"},
      Case{"SET", "error"},
      Case{"SET pool_size", "error"},
      Case{"SET pool_size = ", "error"},
      Case{"SET pool_size = 1 2", "error"},
      Case{"SET pool_size = =", "error"},
      Case{"SHOW", "error"},
      Case{"SHOW POOLS x", "error"},
      Case{"SHOW 'POOLS'", "error"},
      Case{"DROP TABLE users", "error"},
      Case{"PAUSE; DROP TABLE users", "error"},
      Case{"PAUSE \"shop", "error"},
      Case{"PAUSE /* shop", "error"},
  };
  for (const Case& one : kCases) {
    CAPTURE(one.text);
    CHECK(parsed(one.text) == one.expected);
  }
}

TEST_CASE("SHOW, in any case, as SELECT and behind comments") {
  CHECK(parsed("SHOW POOLS;") == show(Subject::kPools));
  CHECK(parsed("show   Stats_Totals") == show(Subject::kStatsTotals));
  CHECK(parsed("SELECT pools") == show(Subject::kPools));
  CHECK(parsed("/* exporter:1 */ SHOW /**/ \"lists\" -- now") == show(Subject::kLists));
  CHECK(parsed("SHOW VERSION") == show(Subject::kVersion));
  for (const SubjectName& entry : subject_names()) {
    CHECK(parsed("show " + std::string(entry.name)) == show(entry.subject));
  }
}

TEST_CASE("what drivers send by themselves is tolerated") {
  constexpr std::array kCases = {
      Case{"SHOW client_encoding", "parameter client_encoding=UTF8"},
      Case{"SHOW DateStyle", "parameter datestyle=ISO, MDY"},
      Case{"SHOW TimeZone", "parameter timezone=GMT"},
      Case{"SHOW standard_conforming_strings", "parameter standard_conforming_strings=on"},
      Case{"SHOW default_transaction_isolation",
           "parameter default_transaction_isolation=read committed"},
      Case{"SHOW TRANSACTION ISOLATION LEVEL", "parameter transaction_isolation=read committed"},
      Case{"SET client_encoding TO 'UTF8'", "ignored SET"},
      Case{"SET extra_float_digits = 3", "ignored SET"},
      Case{"SET datestyle = ISO, MDY", "ignored SET"},
      Case{"SET SESSION statement_timeout = 0", "ignored SET"},
      Case{"SET application_name = 'PostgreSQL JDBC Driver'", "ignored SET"},
      Case{"SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY", "ignored SET"},
      Case{"SET NAMES 'utf8'", "ignored SET"},
      Case{"SELECT 1", "select 1"},
      Case{"SELECT 1 FROM x", "error"},
      Case{"BEGIN", "BEGIN"},
      Case{"START TRANSACTION ISOLATION LEVEL SERIALIZABLE", "BEGIN"},
      Case{"COMMIT", "COMMIT"},
      Case{"end;", "COMMIT"},
      Case{"ROLLBACK", "ROLLBACK"},
      Case{"DISCARD ALL", "tidy DISCARD ALL"},
      Case{"UNLISTEN *", "tidy UNLISTEN"},
      Case{"RESET ALL", "tidy RESET"},
      Case{"RESET role", "tidy RESET"},
      Case{"RESET TimeZone", "tidy RESET"},
      Case{"RESET query_timeout", "error"},
      Case{"CLOSE ALL", "tidy CLOSE CURSOR ALL"},
  };
  for (const Case& one : kCases) {
    CAPTURE(one.text);
    CHECK(parsed(one.text) == one.expected);
  }
}

TEST_CASE("a wrong command is told what is nearest") {
  constexpr std::array kCases = {
      Case{"EXPLAIN ROUTE select 1",
           "The nearest command is: EXPLAIN ROUTE [FOR database] 'statement';"},
      Case{"EXPLAIN 'select 1'",
           "The nearest command is: EXPLAIN ROUTE [FOR database] 'statement';"},
      Case{"SHOW POOL", "The nearest command is: SHOW POOLS;"},
      Case{"show cleints;", "The nearest command is: SHOW CLIENTS;"},
      Case{"SHOW STATS_TOTAL", "The nearest command is: SHOW STATS_TOTALS;"},
      Case{"PUASE shop", "The nearest command is: PAUSE [database];"},
      Case{"PAUSE a b", "The nearest command is: PAUSE [database];"},
      Case{"KILL_CLIENT abc", "The nearest command is: KILL_CLIENT id;"},
      Case{"DISABLE", "The nearest command is: DISABLE database;"},
      Case{"SHUTDOWN WAIT_FOR_CLIENT", "The nearest command is: SHUTDOWN WAIT_FOR_CLIENTS;"},
      Case{"SHUTDOWN NOW",
           "The nearest command is: SHUTDOWN [WAIT_FOR_SERVERS | WAIT_FOR_CLIENTS];"},
      Case{"SET x", "The nearest command is: SET key = value;"},
      Case{"FROB FULL users", "SHOW HELP lists the commands."},
      Case{"SELECT * FROM users",
           "This is the admin console, which has commands and no tables: SHOW "
           "HELP lists them."},
      Case{"pause $1", "Console commands take no parameters: write the value into the command."},
      Case{"SHOW query_timeout", "SHOW CONFIG lists all settings."},
      Case{"show Max_Client_Conn", "SHOW CONFIG lists all settings."},
      Case{"show all", "SHOW CONFIG lists all settings."},
      Case{"RESET query_timeout",
           "What SET has changed lasts until RELOAD, which reads the file again."},
      Case{"PAUSE \"shop", "unterminated quoted text"},
  };
  for (const Case& one : kCases) {
    CAPTURE(one.text);
    const auto commands = parse_commands(one.text);
    REQUIRE_FALSE(commands.ok());
    CHECK(commands.error().hint == one.expected);
  }
}

TEST_CASE("the error quotes the command that is wrong, and no more than a line of it") {
  CHECK(parse_commands("PAUSE;  SHOW POOL ;").error().message ==
        "invalid command 'SHOW POOL', use SHOW HELP;");
  std::string text = "FROB ";
  for (int i = 0; i < 500; ++i) text += "\xC3\xA9";  // two bytes each, from an odd offset on
  const std::string message = parse_commands(text).error().message;
  CHECK(message.size() < 250);
  const std::size_t quote = message.rfind('\'');
  CHECK(message.substr(quote - 2, 2) == "\xC3\xA9");
}

TEST_CASE("tags are the command's word") {
  constexpr std::array kCases = {
      Case{"SHOW POOLS", "SHOW"},
      Case{"EXPLAIN ROUTE 'select 1'", "EXPLAIN"},
      Case{"PAUSE a", "PAUSE"},
      Case{"RESUME", "RESUME"},
      Case{"RECONNECT", "RECONNECT"},
      Case{"KILL", "KILL"},
      Case{"WAIT_CLOSE", "WAIT_CLOSE"},
      Case{"DISABLE a", "DISABLE"},
      Case{"ENABLE a", "ENABLE"},
      Case{"DISABLE SERVER a", "DISABLE"},
      Case{"SWITCHOVER TO a", "SWITCHOVER"},
      Case{"RELOAD", "RELOAD"},
      Case{"SUSPEND", "SUSPEND"},
      Case{"SHUTDOWN", "SHUTDOWN"},
      Case{"SHUTDOWN WAIT_FOR_CLIENTS", "SHUTDOWN"},
      Case{"KILL_CLIENT 1", "KILL_CLIENT"},
      Case{"SET a = 'b c'", "SET a=b c"},
      Case{"SET timezone = 'UTC'", "SET"},
      Case{"SHOW timezone", "SHOW"},
      Case{"SELECT 1", "SELECT 1"},
      Case{"ABORT", "ROLLBACK"},
  };
  for (const Case& one : kCases) {
    CAPTURE(one.text);
    const auto commands = parse_commands(one.text);
    REQUIRE(commands.ok());
    CHECK(tag_of(commands->front()) == one.expected);
  }
}

TEST_CASE("whoever may only look can change nothing") {
  for (const char* text : {"SHOW POOLS", "EXPLAIN ROUTE 'select 1'", "SHOW timezone",
                           "SET timezone = 'UTC'", "SELECT 1", "BEGIN", "DISCARD ALL"}) {
    CAPTURE(text);
    CHECK(is_harmless(parse_commands(text)->front()));
  }
  for (const char* text :
       {"PAUSE", "RESUME a", "RELOAD", "RECONNECT", "KILL", "KILL_CLIENT 1", "DISABLE a",
        "ENABLE a", "WAIT_CLOSE", "SUSPEND", "SHUTDOWN", "SET pool_size = 1", "DISABLE SERVER a",
        "ENABLE SERVER a", "SWITCHOVER TO a"}) {
    CAPTURE(text);
    CHECK_FALSE(is_harmless(parse_commands(text)->front()));
  }
}

}  // namespace
}  // namespace pgsaba::admin
