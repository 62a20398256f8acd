#include "control/admin/average_keeper.h"

#include <doctest/doctest.h>

namespace pgsaba::admin {
namespace {

stats::TrafficTotals traffic(std::uint64_t transactions) {
  stats::TrafficTotals totals;
  totals.server_assignment_count = transactions;
  totals.xact_count = transactions;
  totals.query_count = 2 * transactions;
  totals.bytes_sent = 100 * transactions;
  totals.xact_time_us = 500 * transactions;
  totals.query_time_us = 400 * transactions;
  totals.wait_time_us = 30 * transactions;
  return totals;
}

TEST_CASE("averages are zero until a period has passed") {
  AverageKeeper keeper;
  CHECK(keeper.of("shop") == stats::TrafficTotals{});
  keeper.feed(kSecond, {{"shop", traffic(1'000)}});
  CHECK(keeper.of("shop") == stats::TrafficTotals{});
  CHECK(keeper.of_all() == stats::TrafficTotals{});
}

TEST_CASE("counts a second, times a unit, over the last period only") {
  AverageKeeper keeper;
  keeper.feed(0, {{"shop", traffic(1'000)}});
  keeper.feed(10 * kSecond, {{"shop", traffic(1'600)}});
  const stats::TrafficTotals average = keeper.of("shop");
  CHECK(average.xact_count == 60);
  CHECK(average.query_count == 120);
  CHECK(average.bytes_sent == 6'000);
  CHECK(average.server_assignment_count == 60);
  CHECK(average.xact_time_us == 500);
  CHECK(average.query_time_us == 200);
  CHECK(average.wait_time_us == 30);

  keeper.feed(20 * kSecond, {{"shop", traffic(1'600)}});
  CHECK(keeper.of("shop") == stats::TrafficTotals{});
}

TEST_CASE("a database that came meanwhile counts from zero; unknown ones are zero") {
  AverageKeeper keeper;
  keeper.feed(0, {});
  keeper.feed(2 * kSecond, {{"new", traffic(10)}});
  CHECK(keeper.of("new").xact_count == 5);
  CHECK(keeper.of("other") == stats::TrafficTotals{});
}

TEST_CASE("the average of all weighs times by what they belong to") {
  AverageKeeper keeper;
  keeper.feed(0, {});
  stats::TrafficTotals slow;
  slow.xact_count = 1;
  slow.xact_time_us = 10'000;
  keeper.feed(kSecond, {{"fast", traffic(99)}, {"slow", slow}});
  CHECK(keeper.of_all().xact_count == 100);
  CHECK(keeper.of_all().xact_time_us == (99 * 500 + 10'000) / 100);
}

TEST_CASE("many bytes do not overflow") {
  AverageKeeper keeper;
  keeper.feed(0, {});
  stats::TrafficTotals much;
  much.bytes_sent = std::uint64_t{1} << 50U;
  keeper.feed(kSecond, {{"shop", much}});
  CHECK(keeper.of("shop").bytes_sent == much.bytes_sent);
}

TEST_CASE("time that stands still changes nothing") {
  AverageKeeper keeper;
  keeper.feed(0, {});
  keeper.feed(kSecond, {{"shop", traffic(10)}});
  keeper.feed(kSecond, {{"shop", traffic(20)}});
  CHECK(keeper.of("shop").xact_count == 10);
}

}  // namespace
}  // namespace pgsaba::admin
