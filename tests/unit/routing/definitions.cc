#include "pgsaba/routing/definitions.h"

#include <doctest/doctest.h>

using namespace pgsaba::routing;

TEST_CASE("what a look covers") {
  Definitions definitions;
  CHECK(definitions.want());
  CHECK_FALSE(definitions.want());  // told already
  CHECK(definitions.begin_look() == 0);
  CHECK_FALSE(definitions.want());  // the look under way serves
  definitions.changed();
  CHECK(definitions.want());  // it will not know of that
  definitions.end_look();
  CHECK(definitions.begin_look() == 1);
  definitions.end_look();
  CHECK(definitions.count() == 1);
}

TEST_CASE("what is used is kept") {
  Definitions definitions;
  CHECK_FALSE(definitions.take_used());
  definitions.use();
  CHECK(definitions.take_used());
  CHECK_FALSE(definitions.take_used());
}

TEST_CASE("a database has one") {
  DefinitionsBook book;
  CHECK(book.of({"rdb", "app"}) == book.of({"rdb", "app"}));
  CHECK(book.of({"rdb", "app"}) != book.of({"rdb", "other"}));
}
