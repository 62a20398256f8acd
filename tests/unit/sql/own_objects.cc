#include "pgsaba/sql/own_objects.h"

#include <doctest/doctest.h>

#include "pgsaba/sql/access_rules.h"
#include "unit/sql/access.h"

using namespace pgsaba::sql;

namespace {

const std::vector<OwnObject> kFound = {
    {OwnKind::kView, "locks", "SELECT pg_advisory_lock(1)"},
    {OwnKind::kView, "above", "SELECT * FROM public.middle"},
    {OwnKind::kView, "middle", "SELECT x FROM app.locks, public.plain"},
    {OwnKind::kView, "plain", "SELECT lower(x), initcap(y), app.vat(z) FROM public.t"},
    {OwnKind::kView, "calls", "SELECT app.unheard()"},
    {OwnKind::kView, "activity", "SELECT pid FROM pg_stat_activity"},
    {OwnKind::kView, "tenant", "SELECT 1 WHERE x = current_setting('app.tenant'::text)"},
    {OwnKind::kView, "setting", "SELECT current_setting('port'::text)"},
    {OwnKind::kView, "worst", "SELECT app.unheard() FROM public.above"},
    {OwnKind::kView, "on_domain", "SELECT 5::public.locked"},
    {OwnKind::kView, "operates", "SELECT a OPERATOR(app.+) b, c OPERATOR(app.===) d FROM t"},
    {OwnKind::kView, "operates_well", "SELECT a OPERATOR(app.+) b FROM t"},
    {OwnKind::kView, "Mixed \"Case\"", "SELECT pg_backend_pid()"},
    {OwnKind::kPolicy, "guarded", "(x = nextval('s'::regclass))"},
    {OwnKind::kPolicy, "owned", "(owner = CURRENT_USER)"},
    {OwnKind::kDomain, "locked", "(pg_try_advisory_lock(VALUE))"},
    {OwnKind::kDomain, "positive", "(VALUE > 0)"},
    {OwnKind::kDomainColumn, "with_locked", "locked"},
    {OwnKind::kDomainColumn, "with_positive", "positive"},
    {OwnKind::kSequence, "t_id_seq"},
    {OwnKind::kType, "shade", "type with a cast that is not trusted"},
    {OwnKind::kRowFunction, "computed"},
    {OwnKind::kUntrusted, "initcap"},
    {OwnKind::kTrusted, "trusted"},
    {OwnKind::kOperator, "==="},
    {OwnKind::kVolatileFunction, "random"},
    {OwnKind::kVolatileFunction, "abs"},
    {OwnKind::kVolatileFunction, "nextval"},
};

AccessRules rules_of(const std::vector<OwnObject>& found) {
  AccessRules::Lists lists;
  lists.allowed_functions = {{"", "vat"}};
  return AccessRules(lists, std::make_shared<const OwnObjects>(found, AccessRules(lists)));
}

Statement judged(const char* sql) {
  static const AccessRules rules = rules_of(kFound);
  return read_statement(sql, Dialect{}, &rules);
}

}  // namespace

TEST_CASE("objects of a database's own") {
  constexpr auto kOwn = AccessReason::kOwnObject;
  constexpr AccessRow kRows[] = {
      {"select * from t"},
      {"select * from locks", Access::kWrite, kOwn},
      {"select * from app.LOCKS", Access::kWrite, kOwn},
      {"select * from \"locks\"", Access::kWrite, kOwn},
      {"select * from above", Access::kWrite, kOwn},
      {"with x as (table middle) select * from x", Access::kWrite, kOwn},
      {"select * from plain"},
      {"select * from calls", Access::kOwnCode, kOwn},
      {"select * from worst", Access::kWrite, kOwn},
      {"select * from activity", Access::kPrimaryRead, kOwn},
      {"select * from tenant"},
      {"select * from setting", Access::kPrimaryRead, kOwn},
      {"select * from on_domain", Access::kWrite, kOwn},
      {"select * from operates", Access::kOwnCode, kOwn},
      {"select * from operates_well"},
      {"select * from \"Mixed \"\"Case\"\"\"", Access::kPrimaryRead, kOwn},
      {"select * from guarded", Access::kWrite, kOwn},
      {"select * from owned"},
      {"select 5::locked, 6::public.positive", Access::kWrite, kOwn},
      {"select 6::public.positive"},
      {"select * from with_locked", Access::kWrite, kOwn},
      {"select * from with_positive"},
      {"select last_value from t_id_seq", Access::kPrimaryRead, kOwn},
      {"select $1::shade", Access::kOwnCode, kOwn},
      {"select t.computed from t", Access::kOwnCode, kOwn},
      {"select initcap(x)", Access::kOwnCode, kOwn},
      {"select pg_catalog.initcap(x)", Access::kOwnCode, kOwn},
      {"select initcap from t"},
      {"select trusted(1), app.trusted(2), vat(3)"},
      {"select app.vat(3)", Access::kOwnCode, AccessReason::kUnknownFunction},
      {"select 1 === 2", Access::kOwnCode, kOwn},
      {"select 1 operator(app.===) 2", Access::kOwnCode, kOwn},
      {"select 1 operator(app.+) 2"},
      {"select random()"},
      {"select abs(1)", Access::kOwnCode, kOwn},
      {"insert into locks values (1)", Access::kWrite, AccessReason::kStatement},
  };
  for (const AccessRow& row : kRows) {
    CAPTURE(std::string(row.sql));
    const Statement statement = judged(row.sql);
    CHECK(statement.access == row.access);
    CHECK(statement.reason == row.reason);
  }
}

TEST_CASE("code behind a name may change the session") {
  constexpr auto kCode = effect::kUnknownCode;
  for (const char* sql : {"table locks", "select * from calls", "select 1 === 2"})
    CHECK((judged(sql).effects & kCode) != 0);
  for (const char* sql : {"table plain", "table activity", "select last_value from t_id_seq"})
    CHECK((judged(sql).effects & kCode) == 0);
}

TEST_CASE("the name that the reason is about") {
  constexpr std::pair<const char*, const char*> kRows[] = {
      {"select 1", ""},
      {"select x from app.Locks l", "Locks"},
      {"select nobody_knows(1)", "nobody_knows"},
      {"select * from pg_stat_activity", "pg_stat_activity"},
      {"select 1 === 2", "==="},
      {"select 1 for update", ""},
      {"select nobody_knows(nextval('s'))", "nextval"},
  };
  for (const auto& row : kRows) {
    const char* const sql = row.first;
    CAPTURE(std::string(sql));
    CHECK(judged(sql).object_in(sql) == row.second);
  }
}

TEST_CASE("why, in words") {
  const AccessRules rules = rules_of(kFound);
  const OwnObjects& objects = *rules.objects();
  CHECK(objects.name("locks")->because == "view: advisory lock, pg_advisory_lock");
  CHECK(objects.name("above")->because == "view: object of the database's own, middle");
  CHECK(objects.name("guarded")->because == "row security policy: function that writes, nextval");
  CHECK(objects.name("t_id_seq")->because == "sequence");
  CHECK(objects.unknown_built_in() == std::vector<std::string>{"abs"});
}

TEST_CASE("what cannot be compared counts as named") {
  const AccessRules rules = rules_of({{OwnKind::kRelation, "größe", "foreign table"}});
  const auto access = [&rules](const std::string& sql) {
    return read_statement(sql, Dialect{}, &rules).access;
  };
  CHECK(access("select * from größe") == Access::kOwnCode);
  CHECK(access("select * from gr\xF6\xDF"
               "e") == Access::kOwnCode);  // in LATIN1
  CHECK(access("select * from " + std::string(64, 'a')) == Access::kOwnCode);
  CHECK(access("select * from " + std::string(63, 'a')) == Access::kRead);
}

TEST_CASE("code that runs though nothing names it") {
  const AccessRules rules = rules_of({{OwnKind::kAnything, "", "operator = that is not trusted"}});
  CHECK(read_statement("select 1", Dialect{}, &rules).reason == AccessReason::kOwnObject);
  CHECK(read_statement("-- nothing", Dialect{}, &rules).access == Access::kRead);
}

TEST_CASE("thousands of names, each found") {
  std::vector<OwnObject> found;
  for (int i = 0; i < 5'000; ++i)
    found.push_back({OwnKind::kRelation, "some_name_" + std::to_string(i), "sequence"});
  const AccessRules rules = rules_of(found);
  for (int i = 0; i < 5'000; ++i) {
    const std::string name = "Some_Name_" + std::to_string(i);
    CHECK(rules.objects()->name(name) != nullptr);
    CHECK(rules.objects()->name(name + "x") == nullptr);
  }
  CHECK(rules_of(found).fingerprint() == rules.fingerprint());
  CHECK(rules_of(kFound).fingerprint() != rules.fingerprint());
}
