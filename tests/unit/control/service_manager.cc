#include "control/service_manager.h"

#include <doctest/doctest.h>

#include "control/listeners.h"

using namespace pgsaba::control;

TEST_CASE("the watchdog is fed twice as often as it wants") {
  CHECK(watchdog_interval("30000000", nullptr, 7) == 15'000'000);
  CHECK(watchdog_interval("30000000", "7", 7) == 15'000'000);
  CHECK(watchdog_interval("30000000", "8", 7) == 0);
  CHECK(watchdog_interval(nullptr, nullptr, 7) == 0);
  CHECK(watchdog_interval("nonsense", nullptr, 7) == 0);
}

TEST_CASE("sockets are taken from whoever passes them to this process") {
  CHECK(passed_sockets("7", "2", 7) == std::vector<int>{3, 4});
  CHECK(passed_sockets("8", "2", 7).empty());
  CHECK(passed_sockets(nullptr, "2", 7).empty());
  CHECK(passed_sockets("7", nullptr, 7).empty());
  CHECK(passed_sockets("7", "-1", 7).empty());
}
