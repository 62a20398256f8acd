#include "pgsaba/server/settings.h"

#include <doctest/doctest.h>

#include <vector>

using namespace pgsaba::server;

namespace {

std::string set(const std::string& name, const std::string& value) {
  return "SELECT pg_catalog.set_config(" + name + "," + value + ",false);";
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
      {{{"a", "1"}}, {{"a", "1"}}, ""},
      {{}, {{"a", "1"}}, set("'a'", "'1'")},
      {{{"a", "1"}}, {}, "RESET \"a\";"},
      {{{"a", "1"}}, {{"a", "2"}}, set("'a'", "'2'")},
      {{{"a", "1"}, {"b", "2"}},
       {{"b", "3"}, {"c", "4"}},
       "RESET \"a\";" + set("'b'", "'3'") + set("'c'", "'4'")},
      {{{"a", "1"}, {"b", "2"}, {"c", "3"}}, {{"a", "1"}, {"c", "3"}}, "RESET \"b\";"},
      // Quoting: values are lists, paths and worse; names may have parts.
      {{}, {{"search_path", "a, \"B\""}}, set("'search_path'", "'a, \"B\"'")},
      {{}, {{"a", "it's"}}, set("'a'", "'it''s'")},
      {{}, {{"a", "back\\slash"}}, set("'a'", "E'back\\\\slash'")},
      {{}, {{"a", "\\'; drop table t; --"}}, set("'a'", "E'\\\\''; drop table t; --'")},
      {{}, {{"a", ""}}, set("'a'", "''")},
      {{}, {{"a'b", "1"}}, set("'a''b'", "'1'")},
      {{{"app.user", "1"}}, {}, R"(RESET "app"."user";)"},
      {{{"a.b.c", "1"}}, {}, R"(RESET "a"."b"."c";)"},
      {{{R"(we"ird)", "1"}}, {}, R"(RESET "we""ird";)"},
      {{}, {{"app.user", "1"}}, set("'app.user'", "'1'")},
  };
  for (const Row& row : rows) {
    SettingsTable table;
    CHECK(difference_sql(table.intern(row.from), table.intern(row.to)) == row.sql);
  }
}

TEST_CASE("an unknown state is reset first") {
  SettingsTable table;
  const std::string blank = restore_sql(nullptr);
  CHECK(blank == "SET SESSION AUTHORIZATION DEFAULT;RESET ROLE;RESET ALL;");
  CHECK(restore_sql(table.intern({{"a", "1"}})) == blank + set("'a'", "'1'"));
}
