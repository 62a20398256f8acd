#include "session/pin_foresight.h"

#include <doctest/doctest.h>

using namespace pgsaba;
using namespace pgsaba::session;

namespace {

std::string foreseen(std::string_view text) {
  const sql::Dialect dialect;
  return foreseen_pins(sql::read_statement(text, dialect).effects, text, dialect).describe();
}

}  // namespace

TEST_CASE("what surely or probably keeps its server") {
  for (const char* text : {
           "create temp table t (a int)",
           "CREATE LOCAL TEMPORARY TABLE t (a int)",
           "create temp table t (a int) on commit delete rows",
           "create/**/temp view v as select 1",
           "select 1 as a into temp t",
           "create table pg_temp.t (a int)",
           "create table a (b int); create temp table c (d int)",
           "drop table a; create temp table a (b int)",
       }) {
    CAPTURE(text);
    CHECK(foreseen(text) == "temporary objects");
  }
  for (const char* text : {"select pg_advisory_lock(1)", "select PG_TRY_ADVISORY_LOCK_SHARED(1, 2)",
                           "select pg_catalog.pg_advisory_lock_shared(1)"}) {
    CAPTURE(text);
    CHECK(foreseen(text) == "advisory locks");
  }
  CHECK(foreseen("declare c cursor with hold for select 1") == "cursors WITH HOLD");
  CHECK(foreseen("LISTEN news") == "LISTEN");
  CHECK(foreseen("select 1; listen news") == "LISTEN");
  CHECK(foreseen("load 'auto_explain'") == "irreversible state");
  CHECK(foreseen("create temp table t as select pg_advisory_lock(1)") ==
        "temporary objects, advisory locks");
}

TEST_CASE("what ends a pin, or leaves nothing behind, does not wait for one") {
  for (const char* text : {
           "drop table temp",
           "drop table t",
           "alter table temp set schema other",
           "discard temp",
           "set search_path = app, pg_temp",
           "create temp table t (a int) on commit drop",
           "create temp table t (a int)\nON /* */ COMMIT\tDROP",
           "begin; create temp table t on commit drop as select 1; commit",
           "drop table temperature; select 1",
           "select pg_advisory_unlock(1)",
           "select pg_advisory_unlock_all()",
           "select pg_advisory_xact_lock(1)",
           "close c",
           "declare c cursor for select 1",
           "select nextval('s')",
           "unlisten news",
           "prepare p as select 1",
           "select unknown_function()",
           "do $$ begin create temp table t (a int); end $$",
       }) {
    CAPTURE(text);
    CHECK(foreseen(text).empty());
  }
}

TEST_CASE("of a text that could not be read nothing is foreseen") {
  CHECK_FALSE(foreseen_pins(sql::effect::kAll, "create temp table t", {}).any());
  CHECK_FALSE(foreseen_pins(sql::effect::kNone, "create temp table t", {}).any());
}
