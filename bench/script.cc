#include "script.h"

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

}  // namespace

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
  if (options.mode == "idle") return {{query}, {}, 1, false};  // one query, then nothing
  refuse("unknown mode " + options.mode +
         "; known: simple extended prepared transaction bulk connect pipelined hold idle");
}

std::string startup_message(const std::string& user, const std::string& database) {
  std::string out;
  Message(out)
      .int32(kProtocol30)
      .text("user")
      .text(user)
      .text("database")
      .text(database)
      .byte('\0');
  return out;
}

std::string terminate_message() {
  std::string out;
  append_message(out, 'X');
  return out;
}

}  // namespace bench
