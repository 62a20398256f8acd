#include "pgsaba/routing/spill.h"

#include <doctest/doctest.h>

using namespace pgsaba::routing;

TEST_CASE("as many places as there are") {
  const auto spill = std::make_shared<Spill>();
  SpillTicket one;
  SpillTicket two;
  SpillTicket three;
  CHECK(one.take(spill, 2));
  CHECK(one.take(spill, 2));  // it has its place
  CHECK(two.take(spill, 2));
  CHECK_FALSE(three.take(spill, 2));
  CHECK(spill->reads == 2);
  CHECK(one.drop());
  CHECK_FALSE(one.drop());
  CHECK(three.take(spill, 2));
  {
    SpillTicket unlimited;
    CHECK(unlimited.take(spill, 0));
    CHECK_FALSE(unlimited);
  }
  CHECK(spill->reads == 2);
}
