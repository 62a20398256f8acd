// Where a text may run, and why: one row per text.
#include "unit/sql/access.h"

#include <doctest/doctest.h>

#include <string>

using namespace pgsaba::sql;

namespace {

void check(const Statement& statement, Access access, AccessReason reason) {
  CHECK(static_cast<int>(statement.access) == static_cast<int>(access));
  CHECK(static_cast<int>(statement.reason) == static_cast<int>(reason));
}

}  // namespace

TEST_CASE("where a text may run") {
  for (const AccessRow& row : kAccesses) {
    CAPTURE(std::string(row.sql));
    check(read_statement(row.sql, Dialect{}), row.access, row.reason);
  }
}

TEST_CASE("a read has a reason exactly if it is none, and is no read behind a write") {
  for (const AccessRow& row : kAccesses) {
    CAPTURE(std::string(row.sql));
    const Statement statement = read_statement(row.sql, Dialect{});
    CHECK((statement.access == Access::kRead) == (statement.reason == AccessReason::kNone));
    if (row.reason == AccessReason::kUnreadable) continue;
    check(read_statement("insert into t values (1)\n;" + std::string(row.sql), Dialect{}),
          Access::kWrite, AccessReason::kStatement);
    check(read_statement("select 1\n;" + std::string(row.sql) + "\n; select 2", Dialect{}),
          row.access, row.reason);
  }
}

TEST_CASE("comments and line breaks between the words change nothing") {
  for (const AccessRow& row : kAccesses) {
    CAPTURE(std::string(row.sql));
    if (row.reason == AccessReason::kUnreadable) continue;
    check(
        read_statement("-- a ' \" $$\n/* for update */;" + std::string(row.sql) + "\n-- x\n;/**/;",
                       Dialect{}),
        row.access, row.reason);
  }
}

TEST_CASE("a text with a NUL may do anything") {
  check(read_statement(std::string_view("select 1\0", 9), Dialect{}), Access::kUnknown,
        AccessReason::kUnreadable);
}

TEST_CASE("the dialect decides where a quote ends") {
  const char* sql = R"(select '\'; delete from t --')";
  CHECK(read_statement(sql, Dialect{true, {}}).access == Access::kWrite);
  CHECK(read_statement(sql, Dialect{false, {}}).access == Access::kRead);
  // In SJIS 0x83 0x5C is one character.
  const char* japanese = "select E'\x83\x5c' into t --'";
  CHECK(read_statement(japanese, Dialect{true, Encoding::kSjis}).access == Access::kWrite);
  CHECK(read_statement(japanese, Dialect{true, Encoding::kAsciiSafe}).access == Access::kRead);
}

TEST_CASE("a comment may say where to go") {
  struct Row {
    const char* sql;
    RouteHint hint;
  };
  constexpr Row kRows[] = {
      {"select 1", RouteHint::kNone},
      {"/* pgsaba:primary */ select 1", RouteHint::kPrimary},
      {"/*pgsaba:replica*/select 1", RouteHint::kReplica},
      {"select /*\n PgSaba:Primary\t*/ 1", RouteHint::kPrimary},
      {"select 1 +/* pgsaba:replica */ 2", RouteHint::kReplica},
      {"select 1 /* pgsaba:replica */", RouteHint::kReplica},
      {"select 1; /* pgsaba:replica */", RouteHint::kReplica},
      {"/* pgsaba:replica */ insert into t values (1)", RouteHint::kReplica},
      {"/* pgsaba:primary */ select 1 /* pgsaba:replica */", RouteHint::kPrimary},
      {"/* pgsaba:replica */ select 1 /* pgsaba:primary */", RouteHint::kReplica},
      {"/*application='web'*/ select 1 /* pgsaba:primary */ /*controller='x'*/",
       RouteHint::kPrimary},
      {"/*db_driver='pgsaba:primary'*/ select 1", RouteHint::kNone},
      {"/* pgsaba:primary, please */ select 1", RouteHint::kNone},
      {"/* pgsaba: primary */ select 1", RouteHint::kNone},
      {"/* pgsaba:nowhere */ /**/ /***/ select 1", RouteHint::kNone},
      {"/* /* pgsaba:primary */ */ select 1", RouteHint::kNone},
      {"-- pgsaba:primary\nselect 1", RouteHint::kNone},
      {"-- /* pgsaba:primary */\nselect 1", RouteHint::kNone},
      {"select '/* pgsaba:primary */', \"/* pgsaba:primary */\", $$/* pgsaba:primary */$$",
       RouteHint::kNone},
      {"show /* pgsaba:primary */ work_mem", RouteHint::kPrimary},
      {"/* pgsaba:primary */ select 'a", RouteHint::kPrimary},
  };
  for (const Row& row : kRows) {
    CAPTURE(std::string(row.sql));
    CHECK(static_cast<int>(read_statement(row.sql, Dialect{}).hint) == static_cast<int>(row.hint));
  }
}

TEST_CASE("the administrator adds to the lists") {
  const AccessRules rules({.allowed_functions = {{"", "my_function"},
                                                 {"app", "count_posts"},
                                                 {"", "My Function"},
                                                 {"", "lower_all"}},
                           .denied_functions = {"upper", "lower_all"},
                           .denied_relations = {"queue", "Jobs", "session"}});
  constexpr AccessRow kRows[] = {
      {"select my_function(1), MY_FUNCTION(2), \"my_function\"(3), \"My Function\"(4)"},
      {"select app.count_posts(), \"app\".Count_Posts()"},
      {"select count_posts()", Access::kOwnCode, AccessReason::kUnknownFunction},
      {"select other.count_posts()", Access::kOwnCode, AccessReason::kUnknownFunction},
      {"select x.app.count_posts()", Access::kOwnCode, AccessReason::kUnknownFunction},
      {"select x.app.my_function()", Access::kOwnCode, AccessReason::kUnknownFunction},
      {"select app.my_function()", Access::kOwnCode, AccessReason::kUnknownFunction},
      {"select \"app.count_posts\"()", Access::kOwnCode, AccessReason::kUnknownFunction},
      {"select \"MY_FUNCTION\"()", Access::kOwnCode, AccessReason::kUnknownFunction},
      {"select my_function(nextval('s'))", Access::kWrite, AccessReason::kWritingFunction},
      {"select lower('x')"},
      {"select upper('x')", Access::kUnknown, AccessReason::kDeniedFunction},
      {"select pg_catalog.upper('x')", Access::kUnknown, AccessReason::kDeniedFunction},
      {"select lower_all()", Access::kUnknown, AccessReason::kDeniedFunction},
      {"select * from queues"},
      {"select * from queue", Access::kUnknown, AccessReason::kDeniedRelation},
      {"select * from app.QUEUE q", Access::kUnknown, AccessReason::kDeniedRelation},
      {"table \"queue\"", Access::kUnknown, AccessReason::kDeniedRelation},
      {"select * from session", Access::kUnknown, AccessReason::kDeniedRelation},
      {"select * from \"Jobs\"", Access::kUnknown, AccessReason::kDeniedRelation},
      {"select * from jobs"},
      {"select 'queue' -- queue"},
  };
  for (const AccessRow& row : kRows) {
    CAPTURE(std::string(row.sql));
    const Statement ruled = read_statement(row.sql, Dialect{}, &rules);
    check(ruled, row.access, row.reason);
    CHECK(ruled.effects == read_statement(row.sql, Dialect{}).effects);
  }
  CHECK(read_statement("select my_function(1)", Dialect{}).access == Access::kOwnCode);
}

TEST_CASE("a name that is too long is cut before it is looked up") {
  const std::string longest(63, 'q');
  const AccessRules rules(
      {.allowed_functions = {}, .denied_functions = {}, .denied_relations = {longest}});
  CHECK(read_statement("select * from " + longest + "qq", Dialect{}, &rules).reason ==
        AccessReason::kDeniedRelation);
  CHECK(read_statement("select * from " + longest.substr(1), Dialect{}, &rules).access ==
        Access::kRead);
}
