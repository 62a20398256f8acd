#include <doctest/doctest.h>

#include <vector>

#include "pgsaba/sql/statement.h"

using namespace pgsaba::sql;

namespace {

const Dialect kPlain{};
constexpr const char* kDefault = "(default)";

struct SettingRow {
  const char* sql;
  std::string name;
  std::string value;
};

std::string names_of(const char* sql) {
  std::string names;
  for (const TouchedSetting& setting : touched_settings(sql, kPlain)) {
    names += names.empty() ? "" : " ";
    names += setting.name.empty() ? "$" + std::to_string(setting.parameter) : setting.name;
  }
  return names;
}

}  // namespace

TEST_CASE("plain settings") {
  const std::vector<SettingRow> rows = {
      {"set a = 'b'", "a", "b"},
      {"SET SESSION Statement_Timeout TO '5s';", "statement_timeout", "5s"},
      {"set a = 1", "a", "1"},
      {"set a = 007", "a", "7"},
      {"set a =-1.50", "a", "-1.50"},
      {"set a = + 1e3", "a", "1e3"},
      {"set a to On", "a", "on"},
      {"set a to TRUE", "a", "true"},
      {"set a = \"B c\"", "a", "B c"},
      {"set a = E'b\\'\\n\\x41\\101\\u0041'", "a", "b'\nAAA"},
      {"set a = $$b$$", "a", "b"},
      {"set a = 'it''s' -- '\n ' a'", "a", "it's a"},
      {"set \"TimeZone\" = 'utc'", "timezone", "utc"},
      {"set A.b.C = 'x'", "a.b.c", "x"},
      {"set session.x = 'y'", "session.x", "y"},
      {"set a to default", "a", kDefault},
      {"set search_path to default", "search_path", kDefault},
      {"reset search_path", "search_path", kDefault},
      {"reset A.b", "a.b", kDefault},
      {"reset time zone", "timezone", kDefault},
      {"set time zone 'utc'", "timezone", "utc"},
      {"set time zone UTC", "timezone", "utc"},
      {"set time zone -5", "timezone", "-5"},
      {"set time zone local", "timezone", kDefault},
      {"set session time zone default", "timezone", kDefault},
      {"set names 'utf8'", "client_encoding", "utf8"},
      {"set names", "client_encoding", kDefault},
      {"set names default", "client_encoding", kDefault},
      {"set client_encoding to UTF8", "client_encoding", "utf8"},
  };
  for (const SettingRow& row : rows) {
    CAPTURE(std::string(row.sql));
    const auto setting = plain_setting(row.sql, kPlain);
    REQUIRE(setting);
    CHECK(setting->name == row.name);
    CHECK(setting->value.value_or(kDefault) == row.value);
    CHECK(read_statement(row.sql, kPlain).effects == effect::kSetting);
  }
}

TEST_CASE("settings that are not plain") {
  for (const char* sql : {"",
                          "set",
                          "set a",
                          "set a =",
                          "set local a = 1",
                          "set a = 1, 2",
                          "set datestyle = iso, mdy",
                          "set a = b c",
                          "set a = 1; select 1",
                          "set search_path = a",
                          "set search_path = 'a'",
                          "set temp_tablespaces = a",
                          "set local_preload_libraries = a",
                          "set role a",
                          "set role = 'a'",
                          "set \"role\" = 'a'",
                          "set session authorization a",
                          "set session_authorization = 'a'",
                          "reset role",
                          "reset session authorization",
                          "reset all",
                          "set a from current",
                          "set time zone interval '1' hour",
                          "set schema 'a'",
                          "set xml option document",
                          "set transaction read only",
                          "set a = select",
                          "set a = U&'b'",
                          "set a = X'1F'",
                          "set a = E'\\x00'",
                          "set a = 'b",
                          "select = 1",
                          "set select = 1",
                          "set left = 1",
                          "set transaction_isolation = 'serializable'",
                          "set seed = 0.5",
                          "set a. = 1",
                          "set .a = 1",
                          "reset",
                          "reset a b",
                          "set names utf8"})
    CHECK_MESSAGE(!plain_setting(sql, kPlain), sql);
}

TEST_CASE("a string without standard_conforming_strings has escapes") {
  const auto setting = plain_setting(R"(set a = 'b\'c')", Dialect{false, {}});
  REQUIRE(setting);
  CHECK(setting->value == "b'c");
}

TEST_CASE("settings that a text may change") {
  CHECK(names_of("select 1") == "");
  CHECK(names_of("set A = 1; SET b.C to 2; reset a") == "a b.c");
  CHECK(names_of("set local a = 1; set transaction read only; reset all") == "");
  CHECK(names_of("set time zone 'x'; set names 'x'; set schema 'x'; set xml option content") ==
        "timezone client_encoding search_path xmloption");
  CHECK(names_of("set role a; reset role") == "role");
  CHECK(names_of("set session authorization a") == "session_authorization role");
  CHECK(names_of("reset session authorization") == "session_authorization role");
  CHECK(names_of("set session characteristics as transaction read only") ==
        "default_transaction_isolation default_transaction_read_only "
        "default_transaction_deferrable");
  CHECK(names_of("select set_config('A', 'b', false), set_config($2, $1, true)") == "a $2");
  CHECK(names_of("select set_config('a' || 'b', 'c', false)") == "");
  CHECK(names_of("select set_config(E'\\x61', 'c', false)") == "a");
  CHECK(names_of("prepare p as select set_config($1, 'c', false)") == "");
  CHECK(names_of("discard all") == "session_authorization role");
  CHECK(names_of("begin; set \"Work_Mem\" = 1") == "work_mem");
}

namespace {

bool operator==(const TransactionModes& a, const TransactionModes& b) {
  return a.modes == b.modes && a.read_only == b.read_only && a.read_write == b.read_write &&
         a.isolation == b.isolation && a.serializable == b.serializable;
}

struct ModesRow {
  const char* sql;  // behind BEGIN or SET TRANSACTION
  TransactionModes modes;
};

constexpr ModesRow kModes[] = {
    {" read only", {.modes = true, .read_only = true}},
    {" READ /* x */ WRITE", {.modes = true, .read_write = true}},
    {" read write, read only", {.modes = true, .read_only = true}},
    {" read only read write", {.modes = true, .read_write = true}},
    {" deferrable", {.modes = true}},
    {" not deferrable, read only;", {.modes = true, .read_only = true}},
    {" isolation level serializable", {.modes = true, .isolation = true, .serializable = true}},
    {" isolation level read committed", {.modes = true, .isolation = true}},
    {" isolation level read uncommitted read only",
     {.modes = true, .read_only = true, .isolation = true}},
    {" isolation level serializable, read only, deferrable -- x",
     {.modes = true, .read_only = true, .isolation = true, .serializable = true}},
    {" isolation level serializable isolation level repeatable read",
     {.modes = true, .isolation = true}},
};

TEST_CASE("constants in words that mean the same under any standard_conforming_strings") {
  struct Case {
    std::string_view text;
    std::string_view standard;  // what it says if it was meant so; empty: it says the same as it is
    std::string_view other;
  };
  const Case cases[] = {
      {"select 'plain'", "", ""},
      {R"(select '\d+')", R"(select E'\\d+')", R"(select E'\d+')"},
      {R"(select'a\b','c')", R"(select E'a\\b','c')", R"(select E'a\b','c')"},
      {"select 'a\\'\n'b'", "select E'a\\\\'\n'b'", ""},  // otherwise it does not end
      {R"(select E'a\b', U&'\0041', $$\$$, "\" -- '\')", "", ""}};
  for (const Case& one : cases) {
    CAPTURE(one.text);
    const auto standard = with_escape_strings(one.text, {true, Encoding::kAsciiSafe});
    CHECK(standard.value_or("") == one.standard);
    const auto other = with_escape_strings(one.text, {false, Encoding::kAsciiSafe});
    CHECK(other.value_or("") == one.other);
  }
  CHECK(with_escape_strings(R"(select 'a\'b')", {false, Encoding::kAsciiSafe}) ==
        R"(select E'a\'b')");
  CHECK_FALSE(with_escape_strings(R"(select 'a\b)", {}));  // it does not end
  CHECK_FALSE(with_escape_strings(R"(select 'a\b')", {true, Encoding::kSjis}));
}

}  // namespace

TEST_CASE("plain begin") {
  struct Row {
    const char* sql;
    bool start;
  };
  for (const Row& row : std::vector<Row>{{"begin", false},
                                         {"BEGIN WORK;", false},
                                         {"begin transaction", false},
                                         {";; start transaction -- x", true}}) {
    CAPTURE(std::string(row.sql));
    const auto begin = plain_begin(row.sql, kPlain);
    REQUIRE(begin);
    CHECK(begin->start == row.start);
    CHECK((*begin == TransactionModes{}));
  }
  for (const ModesRow& row : kModes)
    for (const std::string words : {"begin", "begin work", "start transaction"}) {
      const std::string sql = words + row.sql;
      CAPTURE(sql);
      const auto begin = plain_begin(sql, kPlain);
      REQUIRE(begin);
      CHECK(begin->start == (words == "start transaction"));
      CHECK((*begin == row.modes));
    }
  for (const char* sql :
       {"", "start", "start work", "begin; select 1", "begin read", "begin ,read only",
        "begin read only,", "begin isolation level", "begin isolation level repeatable",
        "begin not", "begin work transaction", "commit", "begin 1", "begin isolation serializable",
        "begin \"work\"", "begin 'a", "begin read only,, read write"})
    CHECK_MESSAGE(!plain_begin(sql, kPlain), sql);
}

TEST_CASE("plain set transaction") {
  for (const ModesRow& row : kModes)
    for (const std::string words : {"set transaction", "SET LOCAL TRANSACTION"}) {
      const std::string sql = words + row.sql;
      CAPTURE(sql);
      const auto modes = plain_set_transaction(sql, kPlain);
      REQUIRE(modes);
      CHECK((*modes == row.modes));
    }
  for (const char* sql :
       {"", "set", "set transaction", "set transaction read", "set transaction snapshot 'x'",
        "set transaction = 1", "set session characteristics as transaction read only",
        "set transaction read only; select 1", "begin read only", "set a = 1",
        "set constraints all deferred", "set transaction read only 'a"})
    CHECK_MESSAGE(!plain_set_transaction(sql, kPlain), sql);
}

TEST_CASE("plain end") {
  struct Row {
    const char* sql;
    bool commit;
    bool chain;
  };
  const std::vector<Row> rows = {
      {"commit", true, false},          {"END;", true, false},
      {"commit work", true, false},     {"end transaction and no chain", true, false},
      {"rollback", false, false},       {"abort work and chain", false, true},
      {"commit and chain", true, true}, {";rollback -- x", false, false},
  };
  for (const Row& row : rows) {
    CAPTURE(std::string(row.sql));
    const auto end = plain_end(row.sql, kPlain);
    REQUIRE(end);
    CHECK(end->commit == row.commit);
    CHECK(end->chain == row.chain);
    CHECK(leading_end(row.sql, kPlain));
  }
  for (const char* sql :
       {"", "commit prepared 'x'", "rollback to a", "rollback work to savepoint a", "commit and",
        "commit 1", "rollback prepared 'x'", "commit no chain"}) {
    CHECK_MESSAGE(!plain_end(sql, kPlain), sql);
    CHECK_MESSAGE(!leading_end(sql, kPlain), sql);
  }
  CHECK_FALSE(plain_end("commit; select 1", kPlain));
  CHECK(leading_end("commit; select 1", kPlain)->commit);
}

TEST_CASE("statements prepared by SQL") {
  using Verb = PreparedCommand::Verb;
  struct Row {
    const char* sql;
    Verb verb;
    std::string name;
    std::string types;
    std::string query;
  };
  const std::string longest(63, 'x');
  const std::string longer = "execute " + longest + "y";
  const std::vector<Row> rows = {
      {"prepare P as select 1 ;", Verb::kPrepare, "p", "", "select 1"},
      {"prepare p(int, numeric(1,2)) as select ';' -- x", Verb::kPrepare, "p", "int, numeric(1,2)",
       "select ';'"},
      {"prepare \"P\"\"q\" as values (1)", Verb::kPrepare, "P\"q", "", "values (1)"},
      {"prepare transaction as select 1", Verb::kPrepare, "transaction", "", "select 1"},
      {"execute p", Verb::kExecute, "p", "", ""},
      {"execute p('a)', (1))", Verb::kExecute, "p", "", ""},
      {longer.c_str(), Verb::kExecute, longest, "", ""},
      {"explain (analyze) execute p(1)", Verb::kExecute, "p", "", ""},
      {"explain analyze verbose execute p", Verb::kExecute, "p", "", ""},
      {"create temp table t (a) on commit drop as execute p (1) with no data", Verb::kExecute, "p",
       "", ""},
      {"explain analyze create table t as execute p", Verb::kExecute, "p", "", ""},
      {"DEALLOCATE a17", Verb::kDeallocate, "a17", "", ""},
      {" deallocate\n prepare _PG3_0 ; ", Verb::kDeallocate, "_pg3_0", "", ""},
      {"deallocate \"A \"\"b\"\"\";", Verb::kDeallocate, "A \"b\"", "", ""},
      {"deallocate\"x\"", Verb::kDeallocate, "x", "", ""},
      {"deallocate prepare \"all\"", Verb::kDeallocate, "all", "", ""},
      {"deallocate prepare", Verb::kDeallocate, "prepare", "", ""},
      {"deallocate /* */ a", Verb::kDeallocate, "a", "", ""},
      {"deallocate all", Verb::kDeallocateAll, "", "", ""},
      {"deallocate prepare all", Verb::kDeallocateAll, "", "", ""},
  };
  for (const Row& row : rows) {
    CAPTURE(std::string(row.sql));
    const auto command = prepared_command(row.sql, kPlain);
    REQUIRE(command);
    CHECK(command->verb == row.verb);
    CHECK(command->name == row.name);
    CHECK(command->types == row.types);
    CHECK(command->query == row.query);
    CHECK((read_statement(row.sql, kPlain).effects & effect::kPrepared) != 0);
  }
  for (const char* sql : {"",
                          ";",
                          "deallocate",
                          "deallocated x",
                          "select 1",
                          "deallocate a; select 1",
                          "deallocate a b",
                          "deallocate \"a",
                          "deallocate \"\"",
                          "deallocate 1a",
                          "deallocate prepare prepare x",
                          "deallocate select",
                          "deallocate left",
                          "prepare p",
                          "prepare p as",
                          "prepare p as select 1; select 2",
                          "prepare transaction 'x'",
                          "execute p(1",
                          "execute p 1",
                          "create table t as select 1",
                          "explain select 1",
                          "execute p; execute q",
                          "execute p with data"})
    CHECK_MESSAGE(!prepared_command(sql, kPlain), sql);
}

TEST_CASE("a name is cut between characters") {
  const std::string front(62, 'x');
  CHECK(prepared_command("execute " + front + "\xc3\xa9y", kPlain)->name == front);
  CHECK(prepared_command("execute " + front + "y\xc3\xa9", kPlain)->name == front + "y");
  const std::string rests(70, '\xa2');
  CHECK(prepared_command("execute x" + rests, kPlain)->name == "x" + rests.substr(0, 62));
}

TEST_CASE("all prepared statements that a text names") {
  const auto names = prepared_names(
      "prepare A as select 1; execute a; execute \"B\"(1); deallocate prepare c; deallocate all; "
      "create table t as execute d; explain analyze execute e; select 1 as execute",
      kPlain);
  CHECK(names == std::vector<std::string>{"a", "B", "c", "d", "e"});
}

TEST_CASE("the PREPARE in a text that has given a name") {
  const auto query_of = [](const char* name, const char* sql) {
    const auto found = prepare_of(name, sql, kPlain);
    return found ? std::string(found->query) : std::string("nothing");
  };
  CHECK(query_of("a", "prepare a as select 1") == "select 1");
  CHECK(query_of("a", "; deallocate all; prepare A (int) as select ';' ; select 2;") ==
        "select ';'");
  CHECK(query_of("b", "prepare a as select 1; prepare \"b\" as values (1); execute a") ==
        "values (1)");
  CHECK(query_of("a", "deallocate a; prepare a as select 1; prepare a as select 2") == "select 1");
  CHECK(prepare_of("a", "begin; prepare a (int, text) as select $1", kPlain)->types == "int, text");
  for (const char* sql : {"", "prepare b as select 1", "select 'prepare a as select 1'",
                          "prepare a as select 1; deallocate a; prepare a as select 2",
                          "prepare a as select 1; prepare U&\"b\" as select 2",
                          "prepare a as select 1; select 'open", "/* prepare a as select 1 */"})
    CHECK_MESSAGE(query_of("a", sql) == "nothing", sql);
}

TEST_CASE("the names that a text may change") {
  using Names = std::vector<std::string>;
  const auto changes = name_changes(
      "prepare A as select 1; execute b; deallocate prepare c; deallocate A; prepare broken",
      kPlain);
  CHECK(changes.names == Names{"a", "c", "broken"});
  CHECK_FALSE(changes.all);
  for (const char* sql : {"deallocate all", "select 1; deallocate prepare all", "DISCARD ALL",
                          "discard plans; discard all"}) {
    CHECK_MESSAGE(name_changes(sql, kPlain).all, sql);
    CHECK_MESSAGE(name_changes(sql, kPlain).names.empty(), sql);
  }
  for (const char* sql :
       {"", "execute a", "explain execute a", "discard plans", "select 1; execute a",
        "prepare transaction 'a'", "select 'deallocate a'"})
    CHECK_MESSAGE(!name_changes(sql, kPlain).any(), sql);
}

TEST_CASE("parameters that may be set out of sight") {
  using Names = std::vector<std::string>;
  CHECK(hidden_settings("do $$ begin perform set_config('App.User', '1', false); end $$") ==
        Names{"app.user"});
  CHECK(hidden_settings("do 'begin set saba.one = 1; set  a.b.c to 2; end'") ==
        Names{"saba.one", "a.b.c"});
  CHECK(hidden_settings("select f('a.b'), f('a.b'), t.c, 'a.b c', 'x.1', '1.2' from s.t").size() ==
        1);
  CHECK(hidden_settings("").empty());
  CHECK(hidden_settings("offset a.b").size() == 1);  // suspicion is cheap
}

TEST_CASE("what defines a database") {
  for (const char* sql : {"drop database a", "/* */; DROP DATABASE IF EXISTS \"b\" WITH (force)",
                          "alter database a rename to b", "create database a template b"})
    CHECK_MESSAGE(defines_database(sql, kPlain), sql);
  for (const char* sql :
       {"", "drop", "drop table database", "create table database (a int)",
        "comment on database a is 'b'", "alter \"database\" a", "select 'drop database a'"})
    CHECK_FALSE_MESSAGE(defines_database(sql, kPlain), sql);
}

TEST_CASE("channels that are given up") {
  struct Row {
    const char* sql;
    bool all;
    std::vector<std::string> channels;
  };
  const std::vector<Row> rows = {
      {"unlisten News", false, {"news"}},
      {"UNLISTEN \"A \"\"b\"; listen c; unlisten d", false, {"A \"b", "d"}},
      {"select 1; ; unlisten *; reset all", true, {}},
      {"DISCARD ALL", true, {}},
      {"discard plans", false, {}},
      {"select 'unlisten a; unlisten *'", false, {}},
      {"select 1 as unlisten", false, {}},
      {"unlisten 'a", false, {}},
      {"", false, {}},
  };
  for (const Row& row : rows) {
    CAPTURE(row.sql);
    const Unlistened found = unlistened(row.sql, kPlain);
    CHECK(found.all == row.all);
    CHECK(found.channels == row.channels);
  }
}

TEST_CASE("who the session acts as is reset") {
  struct Row {
    const char* sql;
    IdentityReset reset;
  };
  const std::vector<Row> rows = {
      {"reset role", IdentityReset::kRole},
      {"; RESET /* it */ ROLE;", IdentityReset::kRole},
      {"set role none", IdentityReset::kRole},
      {"set session role to default", IdentityReset::kRole},
      {"set role = default", IdentityReset::kRole},
      {"reset session authorization", IdentityReset::kAll},
      {"set session authorization default", IdentityReset::kAll},
      {"set session session authorization default", IdentityReset::kAll},
      {"discard all", IdentityReset::kAll},
      {"", IdentityReset::kNone},
      {"reset all", IdentityReset::kNone},
      {"set role x", IdentityReset::kNone},
      {"set role 'none", IdentityReset::kNone},
      {"set local role none", IdentityReset::kNone},
      {"set session authorization x", IdentityReset::kNone},
      {"reset session", IdentityReset::kNone},
      {"discard plans", IdentityReset::kNone},
      {"reset role; select 1", IdentityReset::kNone},
      {"reset role.x", IdentityReset::kNone},
      {"select 1", IdentityReset::kNone},
  };
  for (const Row& row : rows) {
    CAPTURE(row.sql);
    CHECK(identity_reset(row.sql, kPlain) == row.reset);
  }
}
