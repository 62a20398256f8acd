#include "pgsaba/pool/slots.h"

#include <doctest/doctest.h>

using namespace pgsaba::pool;

TEST_CASE("a counter and its limit") {
  SlotCounter counter;
  CHECK(counter.take(2));
  CHECK(counter.take(2));
  CHECK_FALSE(counter.take(2));
  CHECK(counter.held() == 2);
  CHECK(counter.take(0));  // no limit
  CHECK(counter.take(4));
  counter.give();
  counter.give();
  counter.give();
  CHECK(counter.held() == 1);
  CHECK(counter.take(2));
}

TEST_CASE("a refused slot takes nothing, and says whose limit it was") {
  SlotBook book;
  const auto pool = book.pool({"d", "u", 0});
  const auto held = [&] {
    return std::vector{pool->servers.held(), pool->database->held(), pool->user->held()};
  };
  CHECK(pool->take_slot({3, 3, 3}) == SlotRefusal::kNone);
  CHECK(held() == std::vector{1, 1, 1});
  CHECK(pool->take_slot({1, 3, 3}) == SlotRefusal::kPool);
  CHECK(pool->take_slot({3, 1, 3}) == SlotRefusal::kDatabase);
  CHECK(pool->take_slot({3, 3, 1}) == SlotRefusal::kUser);
  CHECK(held() == std::vector{1, 1, 1});
  pool->give_slot();
  CHECK(held() == std::vector{0, 0, 0});
}

TEST_CASE("who shares what") {
  SlotBook book;
  const auto one = book.pool({"d", "u", 0});
  CHECK(book.pool({"d", "u", 0}) == one);
  const auto standby = book.pool({"d", "u", 1});
  const auto other_user = book.pool({"d", "v", 0});
  const auto other_database = book.pool({"e", "u", 0});
  CHECK(standby != one);
  CHECK(standby->database == one->database);
  CHECK(standby->user == one->user);
  CHECK(other_user->database == one->database);
  CHECK(other_user->user != one->user);
  CHECK(other_database->user == one->user);
  CHECK(other_database->database != one->database);
  CHECK(one->take_slot({}) == SlotRefusal::kNone);
  CHECK(other_user->take_slot({}) == SlotRefusal::kNone);
  CHECK(book.held_by_database("d") == 2);
  CHECK(book.held_by_database("e") == 0);
  CHECK(book.held_by_database("unknown") == 0);
  CHECK(book.held_by_user("u") == 1);
}

TEST_CASE("what nobody uses any more is forgotten") {
  SlotBook book;
  auto pool = book.pool({"d", "u", 0});
  CHECK(pool->take_slot({}) == SlotRefusal::kNone);
  pool.reset();
  CHECK(book.held_by_database("d") == 0);
  CHECK(book.pool({"d", "u", 0})->servers.held() == 0);
}
