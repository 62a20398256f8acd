#include "pgsaba/session/named_statements.h"

#include <doctest/doctest.h>

using namespace pgsaba;
using namespace pgsaba::session;

namespace {

server::PreparedRef statement(std::uint32_t id) {
  return std::make_shared<const server::PreparedStatement>(id, "text");
}

const server::PreparedRef kOne = statement(1);
const server::PreparedRef kTwo = statement(2);

server::PreparedRef meaning(const NamedStatements& names, std::string_view name) {
  const auto* found = names.find(name);
  return found != nullptr ? found->statement : nullptr;
}

}  // namespace

TEST_CASE("a name means what was last prepared under it") {
  server::PreparedTable table;
  NamedStatements names(table);
  CHECK(meaning(names, "a") == nullptr);
  names.change("a", kOne, 0);
  CHECK(meaning(names, "a") == kOne);
  CHECK(names.size() == 1);
  names.change("a", nullptr, 0);
  CHECK(meaning(names, "a") == nullptr);
  CHECK(names.size() == 0);
}

TEST_CASE("what an error skips is undone, whatever other names the statement has") {
  server::PreparedTable table;
  NamedStatements names(table);
  names.change("a", kOne, 0);
  names.change("b", kOne, 0);
  names.answered(1);
  const auto close = names.change("a", nullptr, 1);
  const auto parse = names.change("a", kTwo, 1);
  names.undo(parse);
  CHECK(meaning(names, "a") == nullptr);
  names.undo(close);
  CHECK(meaning(names, "a") == kOne);
  CHECK(meaning(names, "b") == kOne);
  names.undo(99);  // of a batch long answered
  CHECK(names.size() == 2);
}

TEST_CASE("a name is in doubt for later batches until its own is answered, or undone") {
  server::PreparedTable table;
  NamedStatements names(table);
  const auto change = names.change("a", kOne, 3);
  CHECK_FALSE(names.in_doubt("a", 3));
  CHECK(names.in_doubt("a", 4));
  CHECK_FALSE(names.in_doubt("b", 4));
  SUBCASE("answered") { names.answered(4); }
  SUBCASE("undone") { names.undo(change); }
  CHECK_FALSE(names.in_doubt("a", 4));
}

TEST_CASE("DEALLOCATE ALL spares what later batches prepare") {
  server::PreparedTable table;
  NamedStatements names(table);
  names.change("old", kOne, 0);
  names.answered(1);
  const auto later = names.change("new", kTwo, 2);
  const auto replaced = names.change("old", kTwo, 2);
  names.discard_all(1);
  CHECK(meaning(names, "new") == kTwo);
  CHECK(meaning(names, "old") == kTwo);
  names.undo(replaced);
  CHECK(meaning(names, "old") == nullptr);
  names.undo(later);
  CHECK(names.size() == 0);
}

TEST_CASE("errors speak of a statement by the name that the client has used") {
  server::PreparedTable table;
  NamedStatements names(table);
  CHECK(names.name_of(1).empty());
  const auto one = names.change("a", kOne, 0);
  const auto two = names.change("b", kOne, 0);
  CHECK(names.name_of(one) == "a");
  CHECK(names.name_of(two) == "b");
  CHECK(names.find("b")->number == two);
  names.change("a", nullptr, 0);
  CHECK(names.name_of(one) == "a");
  names.all_answered();
  CHECK(names.name_of(one).empty());
  CHECK(names.name_of(two) == "b");
  const auto refused = names.change("c", kTwo, 1);
  names.undo(refused);
  CHECK(names.name_of(refused) == "c");
}

TEST_CASE("a name given by SQL is one like any other") {
  server::PreparedTable table;
  NamedStatements names(table);
  names.set("a", kOne, true);
  names.set("b", kTwo, false);
  CHECK(meaning(names, "a") == kOne);
  CHECK(names.by_sql() == server::StatementsByName{{"a", kOne}});
  CHECK(names.size() == 2);
  const auto close = names.change("a", nullptr, 1);
  CHECK(names.by_sql().empty());
  names.undo(close);
  CHECK(names.by_sql().contains("a"));
  names.change("a", kTwo, 2);
  CHECK(names.by_sql().empty());
  names.forget("a");
  CHECK(meaning(names, "a") == nullptr);
}

TEST_CASE("a name may come to mean something again") {
  server::PreparedTable table;
  NamedStatements names(table);
  CHECK_FALSE(names.concerns("a"));
  names.set("a", kOne, false);
  CHECK(names.concerns("a"));
  const auto close = names.change("a", nullptr, 1);
  CHECK(names.concerns("a"));
  SUBCASE("answered") { names.answered(2); }
  SUBCASE("all of it") { names.discard_all(1); }
  SUBCASE("undone") {
    names.undo(close);
    names.forget("a");
  }
  CHECK_FALSE(names.concerns("a"));
}

TEST_CASE("names are counted while they mean something") {
  server::PreparedTable table;
  const server::PreparedRef one = table.intern("one");
  const server::PreparedRef two = table.intern("two");
  {
    NamedStatements names(table);
    names.change("a", one, 0);
    const auto again = names.change("a", two, 0);
    names.change("b", two, 0);
    CHECK(table.memory().names == 2);
    CHECK(one->names == 0);
    CHECK(two->names == 2);
    names.undo(again);
    CHECK(one->names == 1);
    CHECK(two->names == 1);
    names.change("b", nullptr, 0);
    CHECK(table.memory().names == 1);
    names.answered(1);
    names.change("c", two, 2);
    names.discard_all(1);
    CHECK(table.memory().names == 1);
    CHECK(two->names == 1);
  }
  CHECK(table.memory().names == 0);
  CHECK(table.memory().name_bytes == 0);
  CHECK(two->names == 0);
}
