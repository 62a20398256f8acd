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
    config.routing.catalogue_interval_us = 0;
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
    picture.catalogues = catalogues;
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
  std::map<routing::DatabaseName, routing::Catalogue> catalogues;
};

}  // namespace

TEST_CASE("the first server is taken at its word, but not before all could answer") {
  World world;
  world.topology.clusters[0].primary.reset();
  world.topology.clusters[0].primary_state = routing::PrimaryState::kUnknown;
  CHECK(world.explain("select 1", "plain") ==
        "plain|read|-|-|primary|no server has told its role yet|a|-");
  world.topology.clusters[0].asking = true;
  CHECK(world.explain("select 1", "plain") ==
        "plain|read|-|-|primary|no server has told its role yet|-|-");
}

TEST_CASE("what a statement is, and where it goes") {
  const World world;
  CHECK(world.explain("select 1") == "app|read|-|-|standby|read|b,c|-");
  CHECK(world.explain("select 1 for update") ==
        "app|write|locking clause|-|primary|locking clause|a|-");
  CHECK(world.explain("select pg_backend_pid()") ==
        "app|primary read|function that tells of the server|-|primary|"
        "function that tells of the server|a|pg_backend_pid");
  CHECK(world.explain("/* pgsaba:primary */ select 1") ==
        "app|read|-|primary|primary|comment /* pgsaba:primary */|a|-");
  CHECK(world.explain("select nobody_knows(1)") ==
        "app|unknown code|unknown function|-|primary|unknown function|a|nobody_knows");
}

TEST_CASE("an object of the database's own is named, and what is behind it") {
  World world;
  world.config.routing.catalogue_interval_us = kSecond;
  CHECK(world.explain("select 1") == "app|read|-|-|primary|catalogue not read yet|a|-");
  const std::vector<sql::OwnObject> found = {
      {sql::OwnKind::kView, "v", "SELECT pg_advisory_lock(1)"},
      {sql::OwnKind::kOperator, "###"},
      {sql::OwnKind::kUntrusted, "lower"}};
  const sql::AccessRules lists{{}};
  auto objects = std::make_shared<const sql::OwnObjects>(found, lists);
  world.catalogues[{"rdb", "app"}] = {
      std::make_shared<const sql::AccessRules>(sql::AccessRules::Lists{}, objects), 0};
  const std::string own = "|object of the database's own|-|primary|object of the database's own|a|";
  CHECK(world.explain("select 1") == "app|read|-|-|standby|read|b,c|-");
  auto definitions = std::make_shared<routing::Definitions>();
  world.catalogues[{"rdb", "app"}].definitions = definitions;
  CHECK(world.explain("select 1") == "app|read|-|-|standby|read|b,c|-");
  definitions->changed();
  CHECK(world.explain("select 1") == "app|read|-|-|primary|catalogue not read yet|a|-");
  world.catalogues[{"rdb", "app"}].covers = 1;
  CHECK(world.explain("table v") ==
        "app|write" + own + "v (view: advisory lock, pg_advisory_lock)");
  CHECK(world.explain("select 1 ### 2") ==
        "app|unknown code" + own + "### (operator that is not trusted)");
  CHECK(world.explain("select lower(x)") ==
        "app|unknown code" + own + "lower (function that is not trusted)");
}

TEST_CASE("every configured database has a row") {
  const World world;
  CHECK(world.explain("select 1", "") ==
        "app|read|-|-|standby|read|b,c|-\n"
        "plain|read|-|-|primary|the database is routed to the primary|a|-\n"
        "reports|read|-|-|replica|the database is routed to replicas|b|-");
  CHECK(world.explain("select 1", "nowhere").empty());
}

TEST_CASE("what the configuration and the servers say counts") {
  World world;
  world.config.routing.allow_functions = {"vat"};
  CHECK(world.explain("select vat(1)") == "app|read|-|-|standby|read|b,c|-");
  world.topology.clusters[0].servers[1].replay_lag_time = 3600 * kSecond;
  CHECK(world.explain("select 1") == "app|read|-|-|standby|read|c|-");
  world.config.clusters["rdb"].servers[2].weight = 0;
  CHECK(world.explain("select 1") == "app|read|-|-|primary|no standby fit for reads|a|-");
  world.config.databases["app"].pool_mode = config::PoolMode::kSession;
  CHECK(world.explain("select 1") == "app|read|-|-|primary|pool_mode session|a|-");
}

TEST_CASE("before anything was seen of the servers") {
  World world;
  world.topology.clusters.clear();
  CHECK(world.explain("select 1") == "app|read|-|-|primary|the cluster has no servers|-|-");
}
