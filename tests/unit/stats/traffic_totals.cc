#include "pgsaba/stats/traffic_totals.h"

#include <doctest/doctest.h>

#include "pgsaba/stats/snapshot.h"

namespace pgsaba::stats {
namespace {

// Field i holds base + i.
TrafficTotals numbered(std::uint64_t base) {
  TrafficTotals totals;
  for (const TrafficField field : kTrafficFields) totals.*field = base++;
  return totals;
}

TEST_CASE("the list of fields names every field once") {
  const TrafficTotals totals = numbered(1);
  CHECK(totals.server_assignment_count == 1);
  CHECK(totals.xact_count == 2);
  CHECK(totals.query_count == 3);
  CHECK(totals.bytes_received == 4);
  CHECK(totals.bytes_sent == 5);
  CHECK(totals.xact_time_us == 6);
  CHECK(totals.query_time_us == 7);
  CHECK(totals.wait_time_us == 8);
  CHECK(totals.client_parse_count == 9);
  CHECK(totals.server_parse_count == 10);
  CHECK(totals.bind_count == 11);
  CHECK(totals.client_login_count == 12);
}

TEST_CASE("totals add and subtract field by field") {
  const TrafficTotals sum = numbered(100) + numbered(1);
  CHECK(sum.server_assignment_count == 101);
  CHECK(sum.client_login_count == 123);
  CHECK(sum - numbered(1) == numbered(100));
}

TEST_CASE("a total that fell counts as nothing, not as a wrapped number") {
  TrafficTotals earlier;
  earlier.query_count = 10;
  TrafficTotals now;
  now.query_count = 4;
  now.xact_count = 3;
  const TrafficTotals difference = now - earlier;
  CHECK(difference.query_count == 0);
  CHECK(difference.xact_count == 3);
}

TEST_CASE("a snapshot starts empty") {
  const WorkerSnapshot snapshot;
  CHECK(snapshot.clients.empty());
  CHECK(ClientRow{}.state == ClientState::kLogin);
  CHECK(ServerRow{}.link == 0);
}

}  // namespace
}  // namespace pgsaba::stats
