#include "pgsaba/server/server_statements.h"

#include <doctest/doctest.h>

#include <map>

using namespace pgsaba::server;

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

TEST_CASE("one that was learned again is as good as one that was used") {
  ServerStatements statements;
  for (std::uint32_t id = 1; id <= 3; ++id) statements.learn(id, 1);
  statements.learn(1, 2);
  CHECK(statements.size() == 3);
  CHECK(statements.evict(3) == 2);
  statements.forget(3);
  statements.forget(3);
  CHECK(statements.evict(1) == 1);
}

TEST_CASE("what was needed and there is counted") {
  const PreparedStatement one{1, "one"};
  const PreparedStatement two{2, "two"};
  ServerStatements statements;
  statements.knows(one);
  statements.learn(1, 1);
  statements.learn(2, 1);
  for (int i = 0; i < 3; ++i) statements.knows(two);
  two.edition.fetch_add(1);
  statements.knows(two);
  std::map<std::uint32_t, std::uint64_t> hits;
  statements.for_each([&](std::uint32_t id, std::uint64_t count) { hits[id] = count; });
  CHECK(hits == std::map<std::uint32_t, std::uint64_t>{{1, 0}, {2, 3}});
}
