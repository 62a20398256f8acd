#include "control/metrics.h"

#include <doctest/doctest.h>

#include "control/readiness.h"

namespace pgsaba::control {
namespace {

bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

admin::ConsolePicture two_servers() {
  admin::ConsolePicture picture;
  picture.version = "1.2.3";
  picture.workers.resize(2);
  picture.workers[1].worker = 1;
  picture.databases.emplace_back().name = "shop";
  picture.databases.back().cluster = "rdb";
  picture.topology.resize(2);
  for (admin::TopologyRow& row : picture.topology) row.cluster = "rdb";
  picture.topology[0].server = "rdb-01";
  picture.topology[0].role = "primary";
  picture.topology[0].state = "reachable";
  picture.topology[1].server = "rdb-02";
  picture.topology[1].role = "standby";
  picture.topology[1].state = "streaming";
  picture.topology[1].fit_for_reads = true;
  picture.topology[1].lag_bytes = 4096;
  picture.topology[1].lag_us = 1'500'000;
  return picture;
}

}  // namespace

TEST_CASE("metrics of an upgrade") {
  admin::ConsolePicture picture = two_servers();
  picture.shared = true;
  for (stats::WorkerSnapshot& worker : picture.workers) worker.clients_moved_in = 3;
  picture.workers[0].clients_moved_out = 1;
  const std::string text = metrics_text(picture, {});
  CHECK(holds(text, "pgsaba_upgrade_under_way 1"));
  CHECK(holds(text, "pgsaba_clients_moved_total{direction=\"in\"} 6"));
  CHECK(holds(text, "pgsaba_clients_moved_total{direction=\"out\"} 1"));
}

TEST_CASE("metrics sum what workers have, in seconds and bytes") {
  admin::ConsolePicture picture = two_servers();
  for (stats::WorkerSnapshot& worker : picture.workers) {
    stats::PoolRow& pool = worker.pools.emplace_back();
    pool.database = "shop";
    pool.user = "a\"b\\c\nd";
    pool.server = "rdb-01";
    pool.cl_active = 3;
    pool.cl_waiting = 1;
    pool.sv_active = 2;
    pool.maxwait_us = worker.worker == 0 ? 250'000 : 100;
    stats::TrafficTotals totals;
    totals.xact_count = 10;
    stats::TrafficTimes times;
    times.waits.add(250'000);
    times.waits.add(3);
    worker.databases.push_back({"shop", totals, times});
    worker.login_clients = 4;
    worker.pins.push_back({.database = "shop",
                           .reason = "temporary objects",
                           .pinned = 1,
                           .taken = 3,
                           .kept_us = 500'000,
                           .waited = 2,
                           .wait_us = 250'000,
                           .refused = 4});
    worker.memory.push_back(
        {.name = "prepared_statement_texts", .entry_bytes = 100, .used = 3, .free = 2});
    worker.routes.push_back({.database = "shop", .on_standby = true, .reason = "read", .count = 7});
  }
  picture.prepared_bounds = {.limit_bytes = 1'000'000, .refused = 9};
  const std::string text = metrics_text(picture, {.resident_bytes = 5, .max_files = 1024});
  CAPTURE(text);
  CHECK(holds(text, "pgsaba_build_info{version=\"1.2.3\"} 1"));
  CHECK(holds(text, "pgsaba_workers 2"));
  CHECK(holds(text, "pgsaba_login_clients 8"));
  CHECK(holds(text, "database=\"shop\",user=\"a\\\"b\\\\c\\nd\",state=\"active\"} 6"));
  CHECK(holds(text, "state=\"waiting\"} 2"));
  CHECK(holds(text,
              "pgsaba_pool_longest_wait_seconds{database=\"shop\",user=\"a\\\"b\\\\c\\nd\"} 0.25"));
  CHECK(holds(text, "server=\"rdb-01\",state=\"active\"} 4"));
  CHECK(holds(text, "pgsaba_transactions_total{database=\"shop\"} 20"));
  CHECK(holds(text, "pgsaba_wait_duration_seconds_count{database=\"shop\"} 4"));
  CHECK(holds(text, "pgsaba_wait_duration_seconds_sum{database=\"shop\"} 0.500006"));
  CHECK(holds(text, "pgsaba_wait_duration_seconds_bucket{database=\"shop\",le=\"0.262144\"} 4"));
  CHECK(holds(text, "pgsaba_wait_duration_seconds_bucket{database=\"shop\",le=\"0.131072\"} 2"));
  CHECK(holds(text, "pgsaba_wait_duration_seconds_bucket{database=\"shop\",le=\"+Inf\"} 4"));
  CHECK(holds(text, "pgsaba_leases_total{database=\"shop\",route=\"standby\",reason=\"read\"} 14"));
  CHECK(holds(text, "pgsaba_server_primary{cluster=\"rdb\",server=\"rdb-01\"} 1"));
  CHECK(holds(text, "pgsaba_server_lag_seconds{cluster=\"rdb\",server=\"rdb-02\"} 1.5"));
  CHECK(!holds(text, "pgsaba_server_lag_seconds{cluster=\"rdb\",server=\"rdb-01\"}"));
  const std::string pin = "{database=\"shop\",reason=\"temporary objects\"} ";
  CHECK(holds(text, "pgsaba_pins" + pin + "2"));
  CHECK(holds(text, "pgsaba_pins_total" + pin + "6"));
  CHECK(holds(text, "pgsaba_pin_seconds_total" + pin + "1\n"));
  CHECK(holds(text, "pgsaba_pin_waits_total" + pin + "4"));
  CHECK(holds(text, "pgsaba_pin_wait_seconds_total" + pin + "0.5"));
  CHECK(holds(text, "pgsaba_pins_refused_total" + pin + "8"));
  CHECK(holds(text, "pgsaba_memory_bytes{cache=\"prepared_statement_texts\"} 1000"));
  CHECK(holds(text, "pgsaba_memory_entries{cache=\"prepared_statement_texts\",state=\"free\"} 4"));
  CHECK(holds(text, "pgsaba_prepared_memory_limit_bytes 1000000"));
  CHECK(holds(text, "pgsaba_prepared_statements_refused_total 9"));
  CHECK(holds(text, "process_max_fds 1024"));
}

TEST_CASE("the facts of this process are there") {
  const ProcessFacts facts = process_facts();
  CHECK(facts.resident_bytes > 100'000);
  CHECK(facts.virtual_bytes >= facts.resident_bytes);
  CHECK(facts.open_files >= 3);
  CHECK(facts.max_files >= facts.open_files);
  CHECK(facts.start_time_seconds > 1.6e9);
}

TEST_CASE("readiness follows the servers") {
  admin::ConsolePicture picture = two_servers();
  CHECK(readiness(picture, ReadinessOf::kWrites, "").ready);
  CHECK(readiness(picture, ReadinessOf::kReads, "").ready);
  CHECK(readiness(picture, ReadinessOf::kWrites, "shop").ready);
  CHECK(!readiness(picture, ReadinessOf::kWrites, "nothing").ready);

  picture.topology[1].fit_for_reads = false;
  CHECK(readiness(picture, ReadinessOf::kWrites, "").ready);
  CHECK(readiness(picture, ReadinessOf::kReads, "").why ==
        "cluster rdb has no standby that is fit for reads");

  picture.topology[0].state = "unreachable";
  CHECK(!readiness(picture, ReadinessOf::kWrites, "").ready);
  CHECK(!readiness(picture, ReadinessOf::kWrites, "shop").ready);
}

TEST_CASE("a paused or disabled database is not ready, and one nobody watches is") {
  admin::ConsolePicture picture = two_servers();
  picture.databases[0].paused = true;
  CHECK(readiness(picture, ReadinessOf::kWrites, "").ready);
  CHECK(readiness(picture, ReadinessOf::kWrites, "shop").why == "database shop is paused");
  picture.databases[0].paused = false;
  picture.databases[0].disabled = true;
  CHECK(!readiness(picture, ReadinessOf::kWrites, "shop").ready);
  picture.state = admin::ProcessState::kPaused;
  CHECK(!readiness(picture, ReadinessOf::kWrites, "").ready);

  admin::ConsolePicture unwatched;
  unwatched.topology.resize(1);
  unwatched.topology[0].cluster = "one";
  unwatched.topology[0].role = "unknown";
  CHECK(readiness(unwatched, ReadinessOf::kWrites, "").ready);
  CHECK(!readiness(unwatched, ReadinessOf::kReads, "").ready);
}

}  // namespace pgsaba::control
