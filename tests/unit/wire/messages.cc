// Builders and readers of both sides, and the fields of errors.
#include <doctest/doctest.h>

#include <vector>

#include "pgsaba/wire/backend.h"
#include "pgsaba/wire/error_fields.h"
#include "pgsaba/wire/frame.h"
#include "pgsaba/wire/frontend.h"
#include "pgsaba/wire/sqlstate.h"
#include "unit/wire/frames.h"

using namespace pgsaba;
using namespace pgsaba::wire;
using namespace pgsaba::testing;

namespace {

template <class Append, class... Arguments>
std::string built(Append append, const Arguments&... arguments) {
  std::string out = "before";
  append(out, arguments...);
  return out.substr(6);
}

}  // namespace

TEST_CASE("what pgsaba sends to servers") {
  CHECK(built(append_query, "select 1") == frame('Q', zeros("select 1|")));
  CHECK(built(append_query, "") == frame('Q', zeros("|")));
  CHECK(built(append_parse, "name", zeros("select $1|") + std::string("\0\0", 2)) ==
        frame('P', zeros("name|select $1|||")));
  CHECK(built(append_close_statement, "name") == frame('C', zeros("Sname|")));
  CHECK(built(append_describe_statement, "name") == frame('D', zeros("Sname|")));
  CHECK(built(append_password, zeros("a|b")) == frame('p', zeros("a|b")));
  CHECK(built(append_terminate) == frame('X'));
  CHECK(built(append_copy_fail, "gone") == frame('f', zeros("gone|")));
}

TEST_CASE("what pgsaba answers itself") {
  CHECK(built(append_authentication, auth_code::kOk, "") == frame('R', be32(0)));
  CHECK(built(append_authentication, auth_code::kMd5, "salt") == frame('R', be32(5) + "salt"));
  CHECK(built(append_parameter_status, "a", "") == frame('S', zeros("a||")));
  CHECK(built(append_backend_key, CancelKey{0x80000001, "\xff\xfe\xfd\xfc"}) ==
        frame('K', be32(0x80000001) + "\xff\xfe\xfd\xfc"));
  CHECK(built(append_ready, TransactionStatus::kFailed) == frame('Z', "E"));
  CHECK(built(append_command_complete, "ROLLBACK") == frame('C', zeros("ROLLBACK|")));
  CHECK(
      built(append_negotiate_version, kProtocol32, std::vector<std::string>{"_pq_.a", "_pq_.b"}) ==
      frame('v', be32(kProtocol32) + be32(2) + zeros("_pq_.a|_pq_.b|")));
  CHECK(kCloseComplete == frame('3'));
  CHECK(kParseComplete == frame('1'));
  CHECK(kEmptyQuery == frame('I'));
}

TEST_CASE("names in Parse") {
  const std::string body = zeros("name|select 1|") + std::string("\0\1\0\0\0\x17", 6);
  const auto names = read_parse(bytes_of(body));
  REQUIRE(names);
  CHECK(names->statement == "name");
  CHECK(names->rest == body.substr(5));
  CHECK(read_parse(bytes_of(zeros("||||"))));
  for (const std::string broken :
       {"", "name", "name|", "name|query", "name|query|", "name|query||"})
    CHECK_FALSE(read_parse(bytes_of(zeros(broken))));
}

TEST_CASE("names in Bind") {
  const std::string body = zeros("portal|name|rest");
  const auto names = read_bind(bytes_of(body));
  REQUIRE(names);
  CHECK(names->portal == "portal");
  CHECK(names->statement == "name");
  CHECK(names->head_bytes == 12);
  const auto unnamed = read_bind(bytes_of(zeros("||")));
  REQUIRE(unnamed);
  CHECK(unnamed->head_bytes == 2);
  for (const std::string broken : {"", "portal", "portal|", "portal|name", "|name"})
    CHECK_FALSE(read_bind(bytes_of(zeros(broken))));
}

TEST_CASE("names in Describe and Close") {
  for (const char kind : {'S', 'P'}) {
    const std::string body = kind + zeros("name|");
    const auto object = read_object(bytes_of(body));
    REQUIRE(object);
    CHECK(object->kind == kind);
    CHECK(object->name == "name");
  }
  for (const std::string broken : {"", "S", "X|", "Sname", "s|"})
    CHECK_FALSE(read_object(bytes_of(zeros(broken))));
}

TEST_CASE("what servers say") {
  const std::string sasl = be32(10) + zeros("SCRAM-SHA-256||");
  const auto request = read_authentication(bytes_of(sasl));
  REQUIRE(request);
  CHECK(request->code == auth_code::kSasl);
  CHECK(request->payload == zeros("SCRAM-SHA-256||"));
  CHECK_FALSE(read_authentication(bytes_of("abc")));

  const std::string status_body = zeros("TimeZone|UTC|");
  const auto parameter = read_parameter_status(bytes_of(status_body));
  REQUIRE(parameter);
  CHECK(parameter->first == "TimeZone");
  CHECK(parameter->second == "UTC");
  for (const std::string broken : {"", "name", "name|", "name|value"})
    CHECK_FALSE(read_parameter_status(bytes_of(zeros(broken))));

  const auto key = read_backend_key(bytes_of(be32(0xfffffffe) + zeros("\x80|\xff\1")));
  REQUIRE(key);
  CHECK(*key == CancelKey{0xfffffffe, zeros("\x80|\xff\1")});
  CHECK(read_backend_key(bytes_of(be32(1) + std::string(256, 'k'))));
  CHECK_FALSE(read_backend_key(bytes_of(be32(1) + std::string(257, 'k'))));
  CHECK_FALSE(read_backend_key(bytes_of(be32(1) + "key")));

  for (const char status : {'I', 'T', 'E'})
    CHECK(read_ready(bytes_of(std::string(1, status))) == static_cast<TransactionStatus>(status));
  for (const std::string broken : {"", "X", "i", "II"}) CHECK_FALSE(read_ready(bytes_of(broken)));

  CHECK(read_command_tag(bytes_of(zeros("INSERT 0 1|"))) == "INSERT 0 1");
  CHECK(read_command_tag(bytes_of("SET")) == "SET");
  CHECK(read_command_tag({}).empty());
}

TEST_CASE("errors are built with what they have") {
  CHECK(built(append_error, 'E', ErrorFields{"FATAL", "53300", "full"}) ==
        frame('E', zeros("SFATAL|VFATAL|C53300|Mfull||")));
  CHECK(built(append_error, 'N', ErrorFields{"NOTICE", "00000", "m", "d", "h", "not sent"}) ==
        frame('N', zeros("SNOTICE|VNOTICE|C00000|Mm|Dd|Hh||")));
}

TEST_CASE("errors are read, whatever they lack") {
  const ErrorFields full = read_error(
      bytes_of(zeros("SFEHLER|VERROR|C42P01|Mmessage|Ddetail|Hhint|Ffile.c|L1|Rroutine|zx||")));
  CHECK(full.severity == "ERROR");
  CHECK(full.sqlstate == "42P01");
  CHECK(full.message == "message");
  CHECK(full.detail == "detail");
  CHECK(full.hint == "hint");
  CHECK(full.routine == "routine");

  CHECK(read_error(bytes_of(zeros("SPANIC||"))).fatal());
  CHECK(read_error(bytes_of(zeros("SFATAL|VERROR||"))).severity == "ERROR");
  for (const std::string poor : {"", "|", "M", "Mno end", "||"}) {
    const ErrorFields fields = read_error(bytes_of(zeros(poor)));
    CHECK(fields.severity == "ERROR");
    CHECK(fields.sqlstate.empty());
    CHECK(fields.message.empty());
    CHECK_FALSE(fields.fatal());
  }
  CHECK(read_error(bytes_of(zeros("C42601|Mno end"))).sqlstate == "42601");
  // After its end nothing counts.
  CHECK(read_error(bytes_of(zeros("Mfirst||Msecond||"))).message == "first");
}

TEST_CASE("a name of ours becomes the client's, where people read it") {
  struct Row {
    std::string body;
    std::string renamed;
  };
  const std::vector<Row> rows = {
      {"Mstatement \"_p_1\" exists||", "Mstatement \"a\" exists||"},
      {R"(M"_p_1" and "_p_1"|D"_p_1"|H"_p_1"||)", R"(M"a" and "a"|D"a"|H"a"||)"},
      {"M_p_1 without quotes||", "M_p_1 without quotes||"},
      {"M\"_p_11\"||", "M\"_p_11\"||"},
      {R"(C42P05|F"_p_1"|R"_p_1"||)", R"(C42P05|F"_p_1"|R"_p_1"||)"},
      {"|", "|"},
  };
  for (const Row& row : rows) {
    const std::string renamed = rename_in_error(bytes_of(frame('E', zeros(row.body))), "_p_1", "a");
    CHECK(renamed == frame('E', zeros(row.renamed)));
  }
  // The new name may contain the old one, and be empty.
  CHECK(rename_in_error(bytes_of(frame('E', zeros("M\"x\"||"))), "x", "\"x\"") ==
        frame('E', zeros("M\"\"x\"\"||")));
  CHECK(rename_in_error(bytes_of(frame('E', zeros("M\"x\"||"))), "x", "") ==
        frame('E', zeros("M\"\"||")));
}

TEST_CASE("an error without its position") {
  CHECK(without_position(bytes_of(frame('E', zeros("SERROR|C42P01|MP|P15|Rr||")))) ==
        frame('E', zeros("SERROR|C42P01|MP|Rr||")));
}
