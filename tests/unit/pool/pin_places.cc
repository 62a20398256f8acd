#include "pgsaba/pool/pin_places.h"

#include <doctest/doctest.h>

using namespace pgsaba;
using namespace pgsaba::pool;

namespace {

PinLimits limits(std::int32_t pins, std::int32_t pool, std::int32_t database = 0,
                 std::int32_t user = 0) {
  config::PoolSettings settings;
  settings.max_pinned_servers = pins;
  settings.pool_size = pool;
  settings.max_db_connections = database;
  settings.max_user_connections = user;
  return pin_limits(settings);
}

}  // namespace

TEST_CASE("pins never have all servers, but for the only one") {
  struct Case {
    PinLimits found;
    std::int32_t usual;
    std::int32_t most;
  };
  for (const Case& one : {
           Case{limits(10, 20), 10, 19},
           Case{limits(10, 5), 4, 4},
           Case{limits(0, 20), 19, 19},
           Case{limits(3, 1), 1, 1},
           Case{limits(3, 2), 1, 1},
           Case{limits(3, 0), 3, 0},
           Case{limits(0, 0), 0, 0},
           Case{limits(10, 20, 8), 7, 7},
           Case{limits(2, 20, 8, 5), 2, 4},
           Case{limits(2, 0, 0, 5), 2, 4},
       }) {
    CHECK(one.found.usual == one.usual);
    CHECK(one.found.most == one.most);
  }
}

TEST_CASE("whoever cannot wait may have one beyond the limit, up to the last server") {
  PinPlaces places;
  const PinLimits of_two = {2, 3};
  CHECK(places.take(of_two));
  CHECK(places.take(of_two));
  CHECK_FALSE(places.take(of_two));
  CHECK(places.overdraw(of_two));
  CHECK_FALSE(places.overdraw(of_two));
  CHECK(places.lasting() == 3);
  places.give();
  CHECK_FALSE(places.take(of_two));
  places.give();
  CHECK(places.take(of_two));
}

TEST_CASE("sequences take what is left, and make room") {
  PinPlaces places;
  const PinLimits of_two = {2, 3};
  CHECK(places.take_for_sequence(of_two));
  CHECK(places.take_for_sequence(of_two));
  CHECK_FALSE(places.take_for_sequence(of_two));
  CHECK_FALSE(places.crowded(of_two));
  // They keep nobody from a pin that lasts.
  CHECK(places.take(of_two));
  CHECK(places.crowded(of_two));
  places.give_of_sequence();
  CHECK_FALSE(places.crowded(of_two));
  CHECK(places.take(of_two));
  CHECK(places.crowded(of_two));
  places.give_of_sequence();
  CHECK_FALSE(places.take_for_sequence(of_two));
  // More pins than usual, and nobody who could make room.
  CHECK(places.overdraw(of_two));
  CHECK_FALSE(places.crowded(of_two));
}

TEST_CASE("without a limit everybody has a place") {
  PinPlaces places;
  for (int i = 0; i < 100; ++i) {
    CHECK(places.take({}));
    CHECK(places.take_for_sequence({}));
  }
  CHECK_FALSE(places.crowded({}));
}
