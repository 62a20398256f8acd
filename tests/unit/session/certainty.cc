#include "session/certainty.h"

#include <doctest/doctest.h>

using namespace pgsaba;
using namespace pgsaba::session;

TEST_CASE("what has the same answer whenever it is said in the same session") {
  server::SettingsTable table;
  const server::SettingsRef settings =
      table.intern({{"timezone", "UTC"}, {"search_path", "a, b"}, {"app.user", "x"}});
  const sql::Dialect dialect;
  struct Row {
    const char* sql;
    bool certain;
  };
  const Row rows[] = {
      {"set client_encoding to 'unicode'", true},
      {"SET client_min_messages TO 'warning'", true},
      {"SET standard_conforming_strings = on", true},
      {"SET SESSION timezone TO 'UTC'", true},
      {"set time zone 'UTC'", true},
      {"set names 'utf8';", true},
      {"SET SESSION statement_timeout TO 5000", true},
      {"set statement_timeout to 'nonsense'", true},  // an error is not learned
      {"set statement_timeout to 1; select 2", false},
      {"set local timezone to 'UTC'", false},
      {"set timezone to default", false},
      {"reset timezone", false},
      {"reset all", false},
      {"set search_path to a, b", false},
      {"set role postgres", false},
      {"set session authorization postgres", false},
      {"set default_tablespace to 'x'", false},  // in the catalogue
      {"set default_text_search_config to 'x'", false},
      {"set log_statement to 'all'", false},  // not everybody's
      {"set app.user to 'x'", false},
      {"set transaction isolation level serializable", false},
      {"show timezone", true},
      {"SHOW TIME ZONE", true},
      {"show search_path", true},
      {"show statement_timeout", false},  // the server's default may change
      {"show max_identifier_length", true},
      {"show server_version", true},
      {"show transaction_isolation", false},
      {"show transaction isolation level", false},
      {"show session authorization", false},
      {"show app.user", false},
      {"show all", false},
      {"show in_hot_standby", false},
      {"show timezone; show timezone", false},
      {"select 1", false},
      {"", false},
      {"show time", false},
      {"show time zone x", false},
  };
  for (const Row& row : rows) {
    CAPTURE(row.sql);
    CHECK(is_certain(sql::read_statement(row.sql, dialect), row.sql, dialect, settings) ==
          row.certain);
  }
  const char* shown = "show timezone";
  CHECK_FALSE(is_certain(sql::read_statement(shown, dialect), shown, dialect, nullptr));
}
