// Throughput of 1 to 16 workers in simulated time: a turn of a worker costs a fixed time and some
// more for each event, statements keep the back end busy, and nothing here depends on how fast or
// how loaded the machine is that plays it. What a second worker adds is what the design allows:
// waits for each other, servers that lie idle with the wrong worker, turns spent on lending.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <string>

#include "pgsaba/base/log.h"
#include "sim/world.h"

using namespace pgsaba;
using namespace pgsaba::sim;

namespace {

constexpr std::array<std::size_t, 5> kWorkers = {1, 2, 4, 8, 16};
constexpr int kClientsPerWorker = 24;
constexpr Micros kWarmUp = 60 * kMillisecond;
constexpr Micros kWindow = 120 * kMillisecond;

struct Load {
  std::string name;
  int servers_per_worker;
  long statement_us;  // on the back end
  // The share of workers that keep all of their clients; the others keep one each.
  std::size_t crowded_one_in = 1;
};

Scenario scenario_of(const Load& load, std::size_t workers) {
  Scenario scenario;
  scenario.workers = workers;
  scenario.clients = kClientsPerWorker * static_cast<int>(workers);
  scenario.pool.size = load.servers_per_worker * static_cast<int>(workers);
  scenario.turn_cost_us = 5;
  scenario.event_cost_us = 20;
  scenario.client = {.batches = 1'000'000, .think_us = 1, .hasty_percent = 0, .pause_percent = 0};
  scenario.client.read_delay_us = 20;
  scenario.workload.plain = true;
  scenario.workload.sleep_us = load.statement_us;
  return scenario;
}

Pace play(const Load& load, std::size_t workers) {
  log::Options quiet;
  quiet.level = log::Level::kCritical;
  REQUIRE(log::configure(quiet).ok());
  World world(scenario_of(load, workers));
  world.measure(0, kWarmUp);  // until everybody is in
  const std::size_t crowded = std::max<std::size_t>(1, workers / load.crowded_one_in);
  world.thin_out(crowded, 1);
  return world.measure(kWarmUp, kWindow);
}

void check(const Load& load) {
  std::size_t alone = 0;
  for (const std::size_t workers : kWorkers) {
    const Pace pace = play(load, workers);
    for (const std::string& finding : pace.findings) FAIL(finding);
    if (workers == 1) alone = pace.transactions;
    REQUIRE(alone > 100);
    const double linear = static_cast<double>(pace.transactions) / static_cast<double>(alone) /
                          static_cast<double>(workers);
    MESSAGE(load.name << ", " << workers << " workers: " << pace.transactions * kSecond / kWindow
                      << " transactions/s, " << linear << " of linear, "
                      << 1'000 * pace.lent_servers / pace.transactions
                      << " servers lent per 1,000");
    CHECK(linear >= 0.92);
  }
}

}  // namespace

// Short statements: the workers' own time is what limits.
TEST_CASE("twice the workers, twice the work") { check({"short statements", 12, 0}); }

// Long statements: the servers are what limits, and all of them are busy.
TEST_CASE("twice the servers, twice the work") { check({"long statements", 4, 1'000}); }

// Three workers of four have a single client: their share of the servers works for the others.
TEST_CASE("clients that crowd on a few workers have all servers") {
  check({"crowded clients", 4, 1'000, 4});
}
