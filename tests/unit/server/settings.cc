#include "pgsaba/server/settings.h"

#include <doctest/doctest.h>

#include <vector>

using namespace pgsaba::server;

namespace {

std::string set(const std::string& name, const std::string& value) {
  return "SET " + name + " TO " + value + ";";
}

std::string set_list(const std::string& name, const std::string& value) {
  return "SELECT pg_catalog.set_config(" + name + "," + value + ",false);";
}

// Both queries, in their order; | stands between them.
std::string text_of(const Restoration& restoration) {
  const std::string first = restoration.encoding_sql;
  return (first.empty() ? "" : first + "|") + restoration.sql;
}

}  // namespace

TEST_CASE("equal settings are one value") {
  SettingsTable table;
  CHECK(table.intern({}) == nullptr);
  const SettingsRef one = table.intern({{"b", "2"}, {"a", "1"}});
  CHECK(*one == Settings{{"a", "1"}, {"b", "2"}});
  CHECK(table.intern({{"a", "1"}, {"b", "2"}}) == one);
  CHECK(table.intern({{"a", "1"}, {"b", "3"}}) != one);
  CHECK(table.intern({{"a", "1b"}, {"", "2"}}) != one);
  // Of a parameter given twice the later one counts.
  CHECK(table.intern({{"b", "9"}, {"b", "2"}, {"a", "0"}, {"a", "1"}}) == one);
}

TEST_CASE("tables of two workers give equal values with two addresses") {
  SettingsTable left;
  SettingsTable right;
  const SettingsRef one = left.intern({{"a", "1"}});
  const SettingsRef other = right.intern({{"a", "1"}});
  CHECK(one != other);
  CHECK(same_settings(one, other));
  CHECK(same_settings(nullptr, nullptr));
  CHECK_FALSE(same_settings(one, nullptr));
  CHECK_FALSE(same_settings(nullptr, one));
  CHECK_FALSE(same_settings(one, right.intern({{"a", "2"}})));
}

TEST_CASE("one more parameter") {
  SettingsTable table;
  const SettingsRef one = table.with(nullptr, "TimeZone", "UTC");
  CHECK(*one == Settings{{"timezone", "UTC"}});
  CHECK(table.with(one, "TIMEZONE", "UTC") == one);
  CHECK(*table.with(one, "timezone", "Asia/Tokyo") == Settings{{"timezone", "Asia/Tokyo"}});
  CHECK(*table.with(one, "a", "") == Settings{{"a", ""}, {"timezone", "UTC"}});
  CHECK(*one == Settings{{"timezone", "UTC"}});
}

TEST_CASE("settings nobody has any more are forgotten, others keep their address") {
  SettingsTable table;
  const SettingsRef kept = table.intern({{"kept", "1"}});
  for (int i = 0; i < 1'000; ++i) table.intern({{"a", std::to_string(i)}});
  CHECK(table.intern({{"kept", "1"}}) == kept);
}

TEST_CASE("names and values that are found") {
  SettingsTable table;
  const SettingsRef settings = table.intern({{"a", "1"}, {"b", ""}});
  CHECK(*find_setting(settings, "a") == "1");
  CHECK(find_setting(settings, "b")->empty());
  CHECK(find_setting(settings, "A") == nullptr);
  CHECK(find_setting(nullptr, "a") == nullptr);
  CHECK(lower_case("DateStyle_9 \xc3\x84") == "datestyle_9 \xc3\x84");
}

TEST_CASE("what must be said to get from one to the other") {
  struct Row {
    Settings from;
    Settings to;
    std::string sql;
  };
  const std::vector<Row> rows = {
      {{}, {}, ""},
      {{{"datestyle", "1"}}, {{"datestyle", "1"}}, ""},
      {{}, {{"datestyle", "1"}}, set(R"("datestyle")", "'1'")},
      {{{"datestyle", "1"}}, {}, "RESET \"datestyle\";"},
      {{{"datestyle", "1"}}, {{"datestyle", "2"}}, set(R"("datestyle")", "'2'")},
      {{{"datestyle", "1"}, {"lock_timeout", "2"}},
       {{"lock_timeout", "3"}, {"work_mem", "4"}},
       "RESET \"datestyle\";" + set(R"("lock_timeout")", "'3'") + set(R"("work_mem")", "'4'")},
      {{{"datestyle", "1"}, {"lock_timeout", "2"}, {"work_mem", "3"}},
       {{"datestyle", "1"}, {"work_mem", "3"}},
       "RESET \"lock_timeout\";"},
      // Quoting: values are lists, paths and worse; names may have parts.
      {{}, {{"search_path", "a, \"B\""}}, set_list("'search_path'", "'a, \"B\"'")},
      {{}, {{"datestyle", "it's"}}, set(R"("datestyle")", "'it''s'")},
      {{}, {{"datestyle", "back\\slash"}}, set(R"("datestyle")", "E'back\\\\slash'")},
      {{},
       {{"datestyle", "\\'; drop table t; --"}},
       set(R"("datestyle")", "E'\\\\''; drop table t; --'")},
      {{}, {{"datestyle", ""}}, set(R"("datestyle")", "''")},
      {{}, {{"a'b", "1"}}, set("\"a'b\"", "'1'")},
      {{{"app.user", "1"}}, {}, R"(RESET "app"."user";)"},
      {{{"a.b.c", "1"}}, {}, R"(RESET "a"."b"."c";)"},
      {{{R"(a.we"ird)", "1"}}, {}, R"(RESET "a"."we""ird";)"},
      {{}, {{"app.user", "1"}}, set(R"("app"."user")", "'1'")},
  };
  for (const Row& row : rows) {
    SettingsTable table;
    CHECK(text_of(difference(table.intern(row.from), table.intern(row.to))) == row.sql);
  }
}

TEST_CASE("the encoding changes before anything is said in it") {
  SettingsTable table;
  const auto from = table.intern({{"datestyle", "1"}, {"client_encoding", "LATIN1"}});
  const auto to = table.intern({{"datestyle", "2"}, {"client_encoding", "UTF8"}});
  CHECK(text_of(difference(from, to)) ==
        R"(SET "client_encoding" TO 'UTF8';|SET "datestyle" TO '2';)");
  CHECK(text_of(difference(from, nullptr)) == R"(RESET "client_encoding";|RESET "datestyle";)");
}

TEST_CASE("who the session acts as changes last, and is waited for") {
  SettingsTable table;
  const auto plain = table.intern({{"work_mem", "1"}});
  const auto role = table.intern({{"work_mem", "2"}, {"role", "r"}});
  const auto both = table.intern({{"role", "r"}, {"session_authorization", "u"}});
  CHECK_FALSE(difference(nullptr, plain).may_be_refused);
  CHECK(difference(plain, role).may_be_refused);
  CHECK(difference(plain, role).sql == R"(SET "work_mem" TO '2';SET "role" TO 'r';)");
  CHECK(difference(role, plain).sql ==
        R"(SET SESSION AUTHORIZATION DEFAULT;RESET ROLE;SET "work_mem" TO '1';)");
  CHECK(difference(nullptr, both).sql ==
        R"(SET "session_authorization" TO 'u';SET "role" TO 'r';)");
}

TEST_CASE("a role stays while a parameter changes that everybody may set, and no other") {
  SettingsTable table;
  const auto role = [&](Settings settings) {
    settings.push_back({"role", "r"});
    return table.intern(std::move(settings));
  };
  const Restoration everybodys = difference(role({{"work_mem", "1"}}), role({{"work_mem", "2"}}));
  CHECK_FALSE(everybodys.may_be_refused);
  CHECK(everybodys.sql == R"(SET "work_mem" TO '2';)");
  const std::string as_user = "SET SESSION AUTHORIZATION DEFAULT;RESET ROLE;";
  const std::string as_role = R"(SET "role" TO 'r';)";
  const auto change = R"(SET "log_statement" TO 'all';)";
  const auto all = role({{"log_statement", "all"}});
  const auto none = role({{"log_statement", "none"}});
  CHECK(difference(none, all).sql == as_user + change + as_role);
  CHECK(difference(none, all).may_be_refused);
  CHECK(difference(role({}), all).sql == as_user + change + as_role);
  CHECK(text_of(difference(all, role({}))) ==
        "SET SESSION AUTHORIZATION DEFAULT;RESET ROLE;RESET ALL;|" + as_role);
  // What depends on rights or on what is there is waited for, and nothing else.
  CHECK(difference(nullptr, table.intern({{"temp_buffers", "1"}})).may_be_refused);
  CHECK(difference(nullptr, table.intern({{"plpgsql.variable_conflict", "1"}})).may_be_refused);
  CHECK(difference(nullptr, table.intern({{"log_statement", "all"}})).may_be_refused);
  CHECK_FALSE(difference(nullptr, table.intern({{"app.tenant", "1"}})).may_be_refused);
  CHECK_FALSE(difference(table.intern({{"temp_buffers", "1"}}), nullptr).may_be_refused);
  // Extensions reserve names of their own for superusers.
  CHECK(difference(role({}), role({{"a.b", "1"}})).may_be_refused);
}

TEST_CASE("an unknown state is reset first") {
  SettingsTable table;
  const std::string blank = "SET SESSION AUTHORIZATION DEFAULT;RESET ROLE;RESET ALL;";
  CHECK(text_of(restore(nullptr)) == blank + "|");
  CHECK(text_of(restore(table.intern({{"a", "1"}}))) == blank + "|" + set(R"("a")", "'1'"));
  CHECK(restore(table.intern({{"role", "r"}})).may_be_refused);
  CHECK_FALSE(restore(nullptr).may_be_refused);
}

TEST_CASE("what only superusers may set is undone by what anybody may say") {
  SettingsTable table;
  const auto from = table.intern({{"log_statement", "all"}, {"work_mem", "1"}});
  CHECK(text_of(difference(from, table.intern({{"work_mem", "1"}}))) ==
        "SET SESSION AUTHORIZATION DEFAULT;RESET ROLE;RESET ALL;|" + set(R"("work_mem")", "'1'"));
  CHECK(has_guarded(from));
  CHECK_FALSE(has_guarded(nullptr));
  CHECK_FALSE(has_guarded(table.intern({{"work_mem", "1"}, {"role", "r"}, {"a.b", "c"}})));
}
