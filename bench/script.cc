#include "script.h"

#include <algorithm>
#include <array>
#include <iterator>

#include "message.h"
#include "sockets.h"

namespace bench {
namespace {

Step simple_query(const std::string& sql) {
  Step step;
  Message(step.bytes, 'Q').text(sql);
  return step;
}

void append_parse(std::string& out, const std::string& name, const std::string& sql) {
  Message(out, 'P').text(name).text(sql).int16(0);
}

// Bind, Describe, Execute, Sync: what libpq sends for PQexecParams and PQexecPrepared.
void append_execution(std::string& out, const std::string& statement) {
  Message(out, 'B').text("").text(statement).int16(0).int16(0).int16(0);
  Message(out, 'D').byte('P').text("");
  Message(out, 'E').text("").int32(0);
  append_message(out, 'S');
}

Script extended_script(const std::string& sql, int pipeline) {
  Step step;
  for (int i = 0; i < pipeline; ++i) {
    append_parse(step.bytes, "", sql);
    append_execution(step.bytes, "");
  }
  step.replies = pipeline;
  return {{}, {step}, static_cast<unsigned>(pipeline), false};
}

Script prepared_script(const std::string& sql) {
  const std::string name = "bench_1";
  Step parse;
  append_parse(parse.bytes, name, sql);
  append_message(parse.bytes, 'S');
  Step step;
  append_execution(step.bytes, name);
  return {{parse}, {step}, 1, false};
}

// What ActiveRecord 8 sends on each new connection, every statement a round trip of its own.
constexpr std::array<const char*, 12> kActiveRecordConnect = {
    "set client_encoding to 'unicode'",
    "SET client_min_messages TO 'warning'",
    "SET standard_conforming_strings = on",
    "SET intervalstyle = iso_8601",
    "SELECT t.oid, t.typname FROM pg_type as t WHERE t.typname IN ('int2', 'int4', 'int8', 'oid', "
    "'float4', 'float8', 'numeric', 'bool', 'timestamp', 'timestamptz')",
    "SET SESSION timezone TO 'UTC'",
    "SELECT t.oid, t.typname, t.typelem, t.typdelim, t.typinput, r.rngsubtype, t.typtype, "
    "t.typbasetype FROM pg_type as t LEFT JOIN pg_range as r ON oid = rngtypid WHERE t.typname IN "
    "('int2', 'int4', 'int8', 'text', 'varchar', 'bytea', 'date', 'interval', 'json', 'jsonb')",
    "SELECT t.oid, t.typname, t.typelem, t.typdelim, t.typinput, r.rngsubtype, t.typtype, "
    "t.typbasetype FROM pg_type as t LEFT JOIN pg_range as r ON oid = rngtypid WHERE t.typtype IN "
    "('r', 'e', 'd')",
    "SELECT t.oid, t.typname, t.typelem, t.typdelim, t.typinput, r.rngsubtype, t.typtype, "
    "t.typbasetype FROM pg_type as t LEFT JOIN pg_range as r ON oid = rngtypid WHERE t.typelem IN "
    "(16, 17, 20, 21, 23, 25, 700, 701, 1043, 1082, 1114, 1184, 1700, 2950, 3802)",
    "SHOW TIME ZONE",
    "SHOW search_path",
    "SELECT 1"};

std::vector<Step> active_record_steps() {
  std::vector<Step> steps;
  std::transform(kActiveRecordConnect.begin(), kActiveRecordConnect.end(),
                 std::back_inserter(steps), simple_query);
  return steps;
}

// Two parameters that PostgreSQL reports and two that it does not; all four differ between sets.
std::vector<Step> settings_steps(int set) {
  constexpr int kZones = 12;
  return {simple_query("SET statement_timeout TO '" + std::to_string(60000 + set) + "'"),
          simple_query("SET work_mem TO '" + std::to_string(4096 + set) + "'"),
          simple_query("SET TimeZone TO 'Etc/GMT+" + std::to_string(1 + set % kZones) + "'"),
          simple_query("SET application_name TO 'bench_" + std::to_string(set) + "'")};
}

Script make_script(const ScriptOptions& options) {
  const Step query = simple_query(options.query);
  const Step begin = simple_query("BEGIN");
  if (options.mode == "simple" || options.mode == "bulk") return {{}, {query}, 1, false};
  if (options.mode == "extended") return extended_script(options.query, 1);
  if (options.mode == "pipelined") return extended_script(options.query, options.pipeline);
  if (options.mode == "prepared") return prepared_script(options.query);
  if (options.mode == "transaction") return {{}, {begin, query, simple_query("COMMIT")}, 1, false};
  if (options.mode == "hold") return {{}, {begin, query}, 1, false};
  if (options.mode == "connect") return {{}, {}, 1, true};
  if (options.mode == "churn") return {{query}, {}, 1, true};
  if (options.mode == "connect-ar") return {active_record_steps(), {}, 1, true};
  if (options.mode == "idle") return {{query}, {}, 1, false};  // one query, then nothing
  refuse("unknown mode " + options.mode +
         "; known: simple extended prepared transaction bulk connect churn connect-ar pipelined "
         "hold idle");
}

Script make_variant(ScriptOptions options, int variant) {
  if (options.texts > 1) options.query += " -- " + std::to_string(variant % options.texts);
  Script script = make_script(options);
  if (options.sets == 0) return script;
  const auto settings = settings_steps(variant % options.sets);
  script.prologue.insert(script.prologue.begin(), settings.begin(), settings.end());
  return script;
}

}  // namespace

std::vector<Script> make_scripts(const ScriptOptions& options) {
  std::vector<Script> scripts;
  const int count = std::max({1, options.sets, options.texts});
  scripts.reserve(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) scripts.push_back(make_variant(options, i));
  return scripts;
}

std::string startup_message(const Identity& identity) {
  std::string out;
  Message message(out);
  message.int32(kProtocol30).text("user").text(identity.user);
  message.text("database").text(identity.database);
  if (!identity.application_name.empty())
    message.text("application_name").text(identity.application_name);
  message.byte('\0');
  return out;
}

std::string terminate_message() {
  std::string out;
  append_message(out, 'X');
  return out;
}

}  // namespace bench
