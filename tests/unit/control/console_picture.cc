#include "control/console_picture.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "pgsaba/auth/scram_keys.h"

using namespace pgsaba;
using namespace pgsaba::control;
using routing::PrimaryState;
using routing::ServerRole;

namespace {

// One cluster of three servers, of which the first is the primary and the third was never reached.
struct World {
  World() {
    config.clusters["rdb"].servers = {{.name = "a", .host = "10.0.0.1", .port = 5433},
                                      {.name = "b", .host = "10.0.0.2", .weight = 3},
                                      {.name = "c", .host = "10.0.0.3"}};
    routing::TopologyCluster& cluster = topology.clusters.emplace_back();
    cluster.name = "rdb";
    cluster.servers.resize(3);
    for (std::size_t i : {0U, 1U}) {
      cluster.servers[i].reachable = true;
      cluster.servers[i].timeline = 2;
      cluster.servers[i].lsn = 0x100;
    }
    cluster.servers[0].name = "a";
    cluster.servers[0].role = ServerRole::kPrimary;
    cluster.servers[0].accepts_writes = true;
    cluster.servers[1].name = "b";
    cluster.servers[1].role = ServerRole::kStandby;
    cluster.servers[1].streaming = true;
    cluster.servers[1].replay_lag_time = kSecond;
    cluster.servers[2].name = "c";
    cluster.primary = 0;
    cluster.primary_state = PrimaryState::kElected;
  }
  routing::TopologyCluster& cluster() { return topology.clusters[0]; }

  std::vector<admin::TopologyRow> rows() const {
    worker::Picture picture;
    picture.config = std::make_shared<const config::Config>(config);
    picture.topology = std::make_shared<const routing::Topology>(topology);
    return make_console_picture(picture, {}, {}).topology;
  }

  config::Config config;
  routing::Topology topology;
};

}  // namespace

TEST_CASE("the topology of the console: what is configured, and what was seen of it") {
  World world;
  const auto rows = world.rows();
  REQUIRE(rows.size() == 3);
  CHECK(rows[0].cluster == "rdb");
  CHECK(rows[0].server == "a");
  CHECK(rows[0].host == "10.0.0.1");
  CHECK(rows[0].port == 5433);
  CHECK(rows[0].role == "primary");
  CHECK(rows[0].state == "reachable");
  CHECK_FALSE(rows[0].fit_for_reads);
  CHECK(rows[1].state == "streaming");
  CHECK(rows[1].timeline == 2);
  CHECK(rows[1].position == 0x100);
  CHECK(rows[1].lag_us == kSecond);
  CHECK(rows[1].fit_for_reads);
  CHECK(rows[1].weight == 3);
  CHECK(rows[2].role == "unknown");
  CHECK(rows[2].state == "not reached so far");
  CHECK_FALSE(rows[2].fit_for_reads);
}

TEST_CASE("a standby too far behind is not fit") {
  World world;
  world.cluster().servers[1].replay_lag_time = 2 * world.config.routing.max_lag_us;
  CHECK_FALSE(world.rows()[1].fit_for_reads);
}

TEST_CASE("a standby says why its cluster has no primary") {
  World world;
  world.cluster().primary.reset();
  world.cluster().primary_state = PrimaryState::kNone;
  world.cluster().servers[0].role = ServerRole::kStandby;
  world.cluster().servers[0].accepts_writes = false;
  CHECK(world.rows()[0].state == "every server that answers is in recovery");
  world.cluster().servers[0].reachable = false;
  CHECK(world.rows()[0].state == "unreachable");
}

TEST_CASE("a server that the monitor has not heard of yet") {
  World world;
  world.topology.clusters.clear();
  const auto rows = world.rows();
  REQUIRE(rows.size() == 3);
  CHECK(rows[1].server == "b");
  CHECK(rows[1].state == "not reached so far");
}

TEST_CASE("SHOW CONFIG says what is made of a plain password") {
  World world;
  worker::Picture picture;
  picture.config = std::make_shared<const config::Config>(world.config);
  const admin::ConsolePicture console = make_console_picture(picture, {}, {});
  const auto row = std::ranges::find(console.config, "scram_iterations", &admin::ConfigRow::key);
  REQUIRE(row != console.config.end());
  CHECK(row->value == std::to_string(auth::kDefaultScramIterations));
}
