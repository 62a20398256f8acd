#include "pgsaba/server/prepared_statements.h"

#include <doctest/doctest.h>

using namespace pgsaba::server;

TEST_CASE("names on the server") {
  CHECK(server_statement_name(7) == std::string(kStatementPrefix) + "7");
  CHECK(server_statement_name(4'294'967'295) == std::string(kStatementPrefix) + "4294967295");
}
