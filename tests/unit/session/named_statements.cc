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

}  // namespace

TEST_CASE("a name means what was last prepared under it") {
  NamedStatements names;
  CHECK(names.find("a") == nullptr);
  names.change("a", kOne, 0);
  CHECK(names.find("a") == kOne);
  CHECK(names.size() == 1);
  names.change("a", nullptr, 0);
  CHECK(names.find("a") == nullptr);
  CHECK(names.size() == 0);
}

TEST_CASE("what an error skips is undone, whatever other names the statement has") {
  NamedStatements names;
  names.change("a", kOne, 0);
  names.change("b", kOne, 0);
  names.answered(1);
  const auto close = names.change("a", nullptr, 1);
  const auto parse = names.change("a", kTwo, 1);
  names.undo(parse);
  CHECK(names.find("a") == nullptr);
  names.undo(close);
  CHECK(names.find("a") == kOne);
  CHECK(names.find("b") == kOne);
  names.undo(99);  // of a batch long answered
  CHECK(names.size() == 2);
}

TEST_CASE("a name is in doubt for later batches until its own is answered, or undone") {
  NamedStatements names;
  const auto change = names.change("a", kOne, 3);
  CHECK_FALSE(names.in_doubt("a", 3));
  CHECK(names.in_doubt("a", 4));
  CHECK(names.any_in_doubt(4));
  CHECK_FALSE(names.in_doubt("b", 4));
  SUBCASE("answered") { names.answered(4); }
  SUBCASE("undone") { names.undo(change); }
  CHECK_FALSE(names.in_doubt("a", 4));
  CHECK_FALSE(names.any_in_doubt(4));
}

TEST_CASE("DEALLOCATE ALL spares what later batches prepare") {
  NamedStatements names;
  names.change("old", kOne, 0);
  names.answered(1);
  const auto later = names.change("new", kTwo, 2);
  const auto replaced = names.change("old", kTwo, 2);
  names.discard_all(1);
  CHECK(names.find("new") == kTwo);
  CHECK(names.find("old") == kTwo);
  names.undo(replaced);
  CHECK(names.find("old") == nullptr);
  names.undo(later);
  CHECK(names.size() == 0);
}

TEST_CASE("errors speak of a statement by a name of the client's") {
  NamedStatements names;
  CHECK(names.name_of(1).empty());
  names.change("a", kOne, 0);
  CHECK(names.name_of(1) == "a");
  names.change("a", nullptr, 0);
  CHECK(names.name_of(1) == "a");
  names.all_answered();
  CHECK(names.name_of(1).empty());
}
