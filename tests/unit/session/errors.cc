#include "session/errors.h"

#include <doctest/doctest.h>

#include <vector>

using namespace pgsaba;
using namespace pgsaba::session;

TEST_CASE("errors that end a session") {
  struct Row {
    wire::ErrorFields error;
    std::string sqlstate;
    std::string says;
    bool hint;
  };
  const std::vector<Row> rows = {
      {errors::protocol_violation("what"), "08P01", "what", false},
      {errors::unsupported_protocol(2, 1), "0A000", "2.1", false},
      {errors::no_user_name(), "28000", "user name", false},
      {errors::startup_option("-x"), "0A000", "-x", true},
      {errors::idle_transaction_timeout(), "25P03", "idle_transaction", true},
      {errors::transaction_timeout(), "25P04", "transaction", true},
      {errors::query_timeout(), "57014", "query", true},
      {errors::statement_mode(), "0A000", "statement pooling", true},
      {errors::not_an_admin("saba"), "42501", "\"saba\"", true},
      {errors::replication_mode_unknown("maybe"), "22023", "\"maybe\"", true},
  };
  for (const Row& row : rows) {
    CAPTURE(row.sqlstate);
    CHECK(row.error.sqlstate == row.sqlstate);
    CHECK(row.error.fatal());
    CHECK(row.error.message.find(row.says) != std::string::npos);
    CHECK(row.error.hint.empty() != row.hint);
  }
}

TEST_CASE("a lost server: what the client has to know") {
  const auto lost = errors::server_lost;
  CHECK(lost("x", true, false).sqlstate == "08007");
  CHECK(lost("x", true, true).sqlstate == "08006");
  CHECK(lost("x", false, true).sqlstate == "08006");
  CHECK(lost("x", false, false).sqlstate == "08006");
  CHECK_FALSE(lost("x", true, false).fatal());
  CHECK(lost("why", true, false).message == "the server connection was lost: why");
  CHECK_FALSE(lost("x", true, false).hint.empty());
  CHECK_FALSE(lost("x", true, true).hint.empty());
}
