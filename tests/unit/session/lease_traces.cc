#include "session/lease_traces.h"

#include <doctest/doctest.h>

#include "unit/wire/frames.h"

using namespace pgsaba;
using namespace pgsaba::session;
using namespace pgsaba::testing;

namespace effect = sql::effect;

namespace {

const sql::Dialect dialect;

std::string be16(unsigned value) {
  return {static_cast<char>(value >> 8), static_cast<char>(value)};
}

// A DataRow; "NULL" stands for NULL.
std::string row(const std::vector<std::string>& columns) {
  std::string body = be16(static_cast<unsigned>(columns.size()));
  for (const std::string& text : columns) {
    if (text == "NULL") {
      body += be32(0xffff'ffff);
    } else {
      body += be32(static_cast<std::uint32_t>(text.size())) + text;
    }
  }
  return frame('D', body);
}

std::string bind(std::string_view parameter) {
  return zeros("||") + be16(0) + be16(1) + be32(static_cast<std::uint32_t>(parameter.size())) +
         std::string(parameter) + be16(0);
}

LeaseTraces traces_of(std::string_view sql, std::optional<Bytes> bind_body = std::nullopt) {
  LeaseTraces traces;
  traces.add(sql, sql::read_statement(sql, dialect).effects & kLasting, dialect, bind_body);
  return traces;
}

bool asks(const std::string& question, std::string_view for_what) {
  return question.find(for_what) != std::string::npos;
}

StateAnswer answer_to(const std::string& frames) { return read_answer(bytes_of(frames), dialect); }

}  // namespace

// ---- what is gathered --------------------------------------------------------------------------

TEST_CASE("nothing was suspicious: nothing is asked") {
  LeaseTraces traces;
  CHECK(traces.effects() == effect::kNone);
  CHECK(traces.question(nullptr).empty());
  CHECK(traces.sole_setting(1) == nullptr);
}

TEST_CASE("a plain SET that was confirmed and stood alone is known from its text") {
  LeaseTraces traces = traces_of("SET Work_Mem TO '5MB'");
  CHECK(traces.sole_setting(1) == nullptr);  // it may have failed
  traces.setting_done();
  REQUIRE(traces.sole_setting(1) != nullptr);
  CHECK(traces.sole_setting(1)->name == "work_mem");
  CHECK(traces.sole_setting(1)->value == "5MB");
  CHECK(traces.sole_setting(2) == nullptr);
  traces.setting_done();
  CHECK(traces.sole_setting(1) == nullptr);
  traces.clear();
  CHECK(traces.effects() == effect::kNone);
  CHECK(traces.question(nullptr).empty());
}

TEST_CASE("a SET beside something else is not enough") {
  LeaseTraces traces = traces_of("SET work_mem TO '5MB'");
  traces.add("CREATE TEMP TABLE t ()", effect::kTemporary, dialect);
  traces.setting_done();
  CHECK(traces.sole_setting(1) == nullptr);
  LeaseTraces list = traces_of("SET search_path TO a, b");
  list.setting_done();
  CHECK(list.sole_setting(1) == nullptr);
}

TEST_CASE("the parameters that were touched are asked for, each once") {
  LeaseTraces traces = traces_of("SET work_mem TO '5MB'");
  traces.add("SET work_mem TO '6MB'; SET search_path TO a", effect::kSetting, dialect);
  CHECK(traces.question(nullptr) ==
        "SELECT 's', E'work_mem',pg_catalog.current_setting( E'work_mem',true);"
        "SELECT 's', E'search_path',pg_catalog.current_setting( E'search_path',true);");
}

TEST_CASE("set_config may have its name from a Bind") {
  constexpr std::string_view kSql = "SELECT set_config($1, 'x', false)";
  const std::string body = bind("Lock_Timeout");
  CHECK(asks(traces_of(kSql, bytes_of(body)).question(nullptr), "E'lock_timeout'"));
  CHECK((traces_of(kSql, bytes_of(body)).effects() & effect::kAnySetting) == 0);
  const std::string broken = body.substr(0, 5);
  CHECK((traces_of(kSql, bytes_of(broken)).effects() & effect::kAnySetting) != 0);
  CHECK((traces_of(kSql).effects() & effect::kAnySetting) != 0);
}

TEST_CASE("the text of a name cannot leave its literal") {
  const std::string body = bind("a'b\\c");
  const LeaseTraces traces = traces_of("SELECT set_config($1, 'x', false)", bytes_of(body));
  CHECK(asks(traces.question(nullptr), "E'a''b\\\\c'"));
}

// ---- what is asked -----------------------------------------------------------------------------

TEST_CASE("each effect has its question, and only that") {
  struct Case {
    sql::Effects effects;
    std::string_view kind;
  };
  const Case cases[] = {{effect::kAnySetting, "SELECT 'a'"},   {effect::kTemporary, "SELECT 't'"},
                        {effect::kAdvisoryLock, "SELECT 'l'"}, {effect::kHeldCursor, "SELECT 'c'"},
                        {effect::kListen, "SELECT 'n'"},       {effect::kPrepared, "SELECT 'p'"}};
  for (const Case& one : cases) {
    LeaseTraces traces;
    traces.add({}, one.effects, dialect);
    for (const Case& other : cases) {
      CAPTURE(one.kind);
      CAPTURE(other.kind);
      CHECK(asks(traces.question(nullptr), other.kind) == (one.kind == other.kind));
    }
  }
  LeaseTraces anything;
  anything.add({}, effect::kUnknownCode, dialect);
  LeaseTraces unread;
  unread.add_unread();
  for (const Case& one : cases) {
    CHECK(asks(anything.question(nullptr), one.kind));
    CHECK(asks(unread.question(nullptr), one.kind));
  }
}

TEST_CASE("what cannot be seen afterwards is not asked for") {
  LeaseTraces traces;
  traces.add({}, effect::kSequence | effect::kIrreversible, dialect);
  CHECK(traces.question(nullptr).empty());
}

TEST_CASE("parameters that no list shows are asked for by name, each once") {
  server::SettingsTable table;
  const auto known = table.intern({{"app.user", "7"}, {"role", "r"}, {"work_mem", "5MB"}});
  LeaseTraces traces = traces_of("SET app.other TO '1'");
  traces.add("RESET ALL", effect::kAnySetting, dialect);
  const std::string question = traces.question(known);
  for (const std::string name : {"app.user", "app.other", "role", "session_authorization"}) {
    CAPTURE(name);
    const std::string asked = "( E'" + name + "')";
    CHECK(asks(question, asked));
    CHECK(question.find(asked) == question.rfind(asked));
  }
  CHECK_FALSE(asks(question, "work_mem"));  // it is on the list
}

TEST_CASE("the reasons that a question decides about") {
  CHECK_FALSE(decided_pins(effect::kSetting | effect::kSequence).any());
  CHECK(decided_pins(effect::kTemporary).describe() == "temporary objects");
  CHECK(decided_pins(effect::kAdvisoryLock | effect::kListen).describe() ==
        "advisory locks, LISTEN");
  CHECK(decided_pins(effect::kHeldCursor | effect::kPrepared).describe() ==
        "cursors WITH HOLD, PREPARE");
  CHECK(decided_pins(effect::kUnknownCode).describe() ==
        "temporary objects, advisory locks, cursors WITH HOLD, PREPARE, LISTEN");
}

// ---- what is answered --------------------------------------------------------------------------

TEST_CASE("an answer without rows finds nothing") {
  const StateAnswer answer = answer_to(frame('T', "t") + frame('C', zeros("SELECT 0|")));
  CHECK_FALSE(answer.failed);
  CHECK_FALSE(answer.all_settings);
  CHECK_FALSE(answer.pins.any());
  CHECK(answer.settings.empty());
  CHECK(answer.prepared.empty());
}

TEST_CASE("every kind of row") {
  const StateAnswer answer =
      answer_to(row({"a"}) + row({"s", "TimeZone", "UTC"}) + row({"s", "app.x", "NULL"}) +
                row({"s", "broken"}) + row({"t"}) + row({"l"}) + row({"c"}) + row({"n", "one"}) +
                row({"n", "two"}) + frame('N', "notice") + row({"?"}) + row({"NULL"}) + row({""}));
  CHECK_FALSE(answer.failed);
  CHECK(answer.all_settings);
  REQUIRE(answer.settings.size() == 2);
  CHECK(answer.settings[0].first == "timezone");
  CHECK(answer.settings[0].second == "UTC");
  CHECK_FALSE(answer.settings[1].second.has_value());
  CHECK(answer.mentions("app.x"));
  CHECK_FALSE(answer.mentions("broken"));
  CHECK(answer.pins.describe() == "temporary objects, advisory locks, cursors WITH HOLD, LISTEN");
  CHECK(answer.channels == std::vector<std::string>{"one", "two"});
}

TEST_CASE("statements prepared by SQL can be made again, if their text is to be found") {
  const StateAnswer answer = answer_to(
      row({"p", "q", "PREPARE q (int) AS SELECT $1", "t", "{23,1043}"}) +
      row({"p", "r", "SELECT 1; PREPARE r AS SELECT 2", "t", "{}"}) +
      row({"p", "by_protocol", "SELECT 3", "f", "{}"}) +
      row({"p", "twice", "PREPARE twice AS SELECT 1; DEALLOCATE ALL; PREPARE twice AS SELECT 2",
           "t", "{}"}) +
      row({"p", "incomplete", "NULL", "t", "{}"}));
  REQUIRE(answer.prepared.size() == 4);
  CHECK(answer.prepared[0].name == "q");
  CHECK(answer.prepared[0].by_sql);
  REQUIRE(answer.prepared[0].rest.has_value());
  CHECK(answer.prepared[0].rest->ends_with(be16(2) + be32(23) + be32(1043)));
  CHECK(std::string_view(answer.prepared[0].rest->data()).find("SELECT $1") !=
        std::string_view::npos);
  CHECK(answer.prepared[1].by_sql);
  CHECK(answer.prepared[1].rest == std::string("SELECT 2\0\0\0", 11));
  CHECK(answer.prepared[3].by_sql);
  CHECK_FALSE(answer.prepared[3].rest.has_value());
  CHECK_FALSE(answer.prepared[2].by_sql);
  CHECK(answer.prepared[2].rest == std::string("SELECT 3\0\0\0", 11));
}

TEST_CASE("an answer that is an error, or is not whole, has failed") {
  const std::string error = frame('E', zeros("SERROR|C57014|Mno||"));
  CHECK(answer_to(row({"t"}) + error).failed);
  CHECK(answer_to(error + row({"t"})).pins.has(PinReason::kTemporary));
  const std::string whole = row({"t"});
  CHECK_FALSE(answer_to(whole).failed);
  for (std::size_t length = 1; length < whole.size(); ++length)
    CHECK(answer_to(whole.substr(0, length)).failed);
}

TEST_CASE("the error among the frames") {
  CHECK_FALSE(error_in({}).has_value());
  const std::string fine = frame('C', zeros("SET|")) + frame('Z', "I");
  CHECK_FALSE(error_in(bytes_of(fine)).has_value());
  const std::string bad = frame('C', zeros("SET|")) + frame('E', zeros("SERROR|C22023|Mno||"));
  REQUIRE(error_in(bytes_of(bad)).has_value());
  CHECK(error_in(bytes_of(bad))->sqlstate == "22023");
  CHECK_FALSE(error_in(bytes_of(bad).first(bad.size() - 3)).has_value());
}
