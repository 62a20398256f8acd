#include "control/route_explanation.h"

#include <doctest/doctest.h>

using namespace pgsaba;
using namespace pgsaba::control;
using routing::ServerRole;

namespace {

// A primary and two standbys, and databases of every policy.
struct World {
  World() {
    config.clusters["rdb"].servers = {{.name = "a"}, {.name = "b"}, {.name = "c"}};
    config.databases["app"] = {.cluster = "rdb", .route = config::RoutePolicy::kSplit};
    config.databases["plain"] = {.cluster = "rdb"};
    config.databases["reports"] = {.cluster = "rdb", .route = config::RoutePolicy::kReplica};
    routing::TopologyCluster& cluster = topology.clusters.emplace_back();
    cluster.name = "rdb";
    for (const char* name : {"a", "b", "c"}) {
      routing::TopologyServer& server = cluster.servers.emplace_back();
      server.name = name;
      server.reachable = server.streaming = true;
      server.role = ServerRole::kStandby;
      server.timeline = 1;
      server.replay_lag_time = 0;
    }
    cluster.servers[0].role = ServerRole::kPrimary;
    cluster.primary = 0;
    cluster.primary_state = routing::PrimaryState::kElected;
  }

  // The rows as lines.
  std::string explain(const std::string& sql, const std::string& database = "app") const {
    worker::Picture picture;
    picture.config = std::make_shared<const config::Config>(config);
    picture.topology = std::make_shared<const routing::Topology>(topology);
    std::string text;
    for (const admin::Row& row : explain_route(picture, {database, sql})) {
      std::string line;
      for (const admin::Cell& cell : row) line += (line.empty() ? "" : "|") + cell.value_or("-");
      text += (text.empty() ? "" : "\n") + line;
    }
    return text;
  }

  config::Config config;
  routing::Topology topology;
};

}  // namespace

TEST_CASE("what a statement is, and where it goes") {
  const World world;
  CHECK(world.explain("select 1") == "app|read|-|-|standby|read|b,c");
  CHECK(world.explain("select 1 for update") ==
        "app|write|locking clause|-|primary|locking clause|a");
  CHECK(world.explain("select pg_backend_pid()") ==
        "app|primary read|function that tells of the server|-|primary|"
        "function that tells of the server|a");
  CHECK(world.explain("/* pgsaba:primary */ select 1") ==
        "app|read|-|primary|primary|comment /* pgsaba:primary */|a");
  CHECK(world.explain("select nobody_knows(1)") ==
        "app|unknown|unknown function|-|primary|unknown function|a");
}

TEST_CASE("every configured database has a row") {
  const World world;
  CHECK(world.explain("select 1", "") ==
        "app|read|-|-|standby|read|b,c\n"
        "plain|read|-|-|primary|the database is routed to the primary|a\n"
        "reports|read|-|-|replica|the database is routed to replicas|b");
  CHECK(world.explain("select 1", "nowhere").empty());
}

TEST_CASE("what the configuration and the servers say counts") {
  World world;
  world.config.routing.allow_functions = {"vat"};
  CHECK(world.explain("select vat(1)") == "app|read|-|-|standby|read|b,c");
  world.topology.clusters[0].servers[1].replay_lag_time = 3600 * kSecond;
  CHECK(world.explain("select 1") == "app|read|-|-|standby|read|c");
  world.config.clusters["rdb"].servers[2].weight = 0;
  CHECK(world.explain("select 1") == "app|read|-|-|primary|no standby fit for reads|a");
  world.config.databases["app"].pool_mode = config::PoolMode::kSession;
  CHECK(world.explain("select 1") == "app|read|-|-|primary|pool_mode session|a");
}

TEST_CASE("before anything was seen of the servers") {
  World world;
  world.topology.clusters.clear();
  CHECK(world.explain("select 1") == "app|read|-|-|primary|the cluster has no servers|-");
}
