#include "pgsaba/server/prepared_statements.h"

#include <doctest/doctest.h>

using namespace pgsaba::server;

TEST_CASE("equal texts are one statement") {
  PreparedTable table;
  const std::string text("select 1\0\0\0", 11);
  const PreparedRef one = table.intern(text);
  CHECK(one->id != 0);
  CHECK(one->rest == text);
  CHECK(one->query() == "select 1");
  CHECK(table.intern(text) == one);
  // The types of its parameters belong to it.
  const PreparedRef typed = table.intern(std::string("select 1\0\0\1\0\0\0\x17", 15));
  CHECK(typed != one);
  CHECK(typed->id != one->id);
  CHECK(table.size() == 2);
}

TEST_CASE("statements nobody uses are forgotten, ids are never used again") {
  PreparedTable table;
  const PreparedRef kept = table.intern("kept");
  std::uint32_t last = kept->id;
  for (int i = 0; i < 10'000; ++i) {
    const PreparedRef next = table.intern("text " + std::to_string(i));
    REQUIRE(next->id > last);
    last = next->id;
  }
  CHECK(table.size() < 2'100);
  CHECK(table.intern("kept") == kept);
  CHECK(table.intern("text 0")->id > last);
}

TEST_CASE("names on the server") {
  CHECK(server_statement_name(7) == std::string(kStatementPrefix) + "7");
  CHECK(server_statement_name(4'294'967'295) == std::string(kStatementPrefix) + "4294967295");
}

TEST_CASE("what a server knows") {
  using Knowledge = ServerStatements::Knowledge;
  const PreparedStatement one{1, "one"};
  const PreparedStatement two{2, "two"};
  ServerStatements statements;
  CHECK(statements.knows(one) == Knowledge::kNone);
  statements.learn(1, 1);
  CHECK(statements.knows(one) == Knowledge::kCurrent);
  statements.forget(1);
  CHECK(statements.knows(one) == Knowledge::kNone);
  statements.learn(1, 1);
  statements.learn(2, 1);
  CHECK(statements.size() == 2);
  statements.forget_all();
  CHECK(statements.size() == 0);
  CHECK(statements.knows(two) == Knowledge::kNone);
}

TEST_CASE("a new edition of a statement outdates what servers know") {
  using Knowledge = ServerStatements::Knowledge;
  const PreparedStatement one{1, "one"};
  ServerStatements statements;
  statements.learn(1, 1);
  one.edition.fetch_add(1);
  CHECK(statements.knows(one) == Knowledge::kOutdated);
  CHECK(statements.holds(1));
  statements.learn(1, 2);
  CHECK(statements.knows(one) == Knowledge::kCurrent);
}

TEST_CASE("the least recently used goes first") {
  const PreparedStatement one{1, "one"};
  const PreparedStatement two{2, "two"};
  ServerStatements statements;
  CHECK_FALSE(statements.evict(0));
  for (std::uint32_t id = 1; id <= 3; ++id) statements.learn(id, 1);
  CHECK_FALSE(statements.evict(4));
  CHECK(statements.size() == 3);
  CHECK(statements.knows(one) == ServerStatements::Knowledge::kCurrent);  // which is a use
  CHECK(statements.evict(3) == 2);
  CHECK(statements.knows(two) == ServerStatements::Knowledge::kNone);
  statements.learn(3, 1);
  CHECK(statements.evict(2) == 1);
  CHECK(statements.evict(1) == 3);
  CHECK_FALSE(statements.evict(1));
}
