#include "pgsaba/routing/topology.h"

#include <doctest/doctest.h>

using namespace pgsaba::routing;

namespace {

TopologyServer writer(std::uint32_t timeline, std::uint64_t identifier = 7) {
  TopologyServer server;
  server.reachable = true;
  server.accepts_writes = true;
  server.timeline = timeline;
  server.system_identifier = identifier;
  return server;
}

TopologyServer standby(std::uint64_t identifier = 7) {
  TopologyServer server = writer(1, identifier);
  server.accepts_writes = false;
  server.streaming = true;
  return server;
}

TopologyCluster elected(std::vector<TopologyServer> servers) {
  TopologyCluster cluster;
  cluster.servers = std::move(servers);
  elect_primary(cluster);
  return cluster;
}

}  // namespace

TEST_CASE("the one that is not in recovery is the primary") {
  const auto cluster = elected({standby(), writer(1), standby()});
  CHECK(cluster.primary == 1U);
  CHECK(cluster.primary_state == PrimaryState::kElected);
  CHECK(cluster.servers[0].role == ServerRole::kStandby);
  CHECK(cluster.servers[1].role == ServerRole::kPrimary);
}

TEST_CASE("of two claimants the one on the higher timeline wins, and the other is no standby") {
  const auto cluster = elected({writer(3), writer(4), standby()});
  CHECK(cluster.primary == 1U);
  CHECK(cluster.servers[0].role == ServerRole::kUnknown);
}

TEST_CASE("two claimants on one timeline: neither") {
  for (const std::uint32_t rival : {2U, 0U}) {  // 0: unknown, hence possibly the same
    CAPTURE(rival);
    const auto cluster = elected({writer(2), writer(rival)});
    CHECK_FALSE(cluster.primary);
    CHECK(cluster.primary_state == PrimaryState::kTwoClaimants);
    CHECK(cluster.servers[0].role == ServerRole::kUnknown);
    CHECK(cluster.servers[1].role == ServerRole::kUnknown);
  }
}

TEST_CASE("a single claimant needs no timeline") {
  CHECK(elected({writer(0), standby()}).primary == 0U);
}

TEST_CASE("an old primary that comes back while the new one is silent gets no writes") {
  auto cluster = elected({standby(), writer(2)});
  CHECK(cluster.highest_timeline == 2);
  cluster.servers[1].reachable = false;
  cluster.servers[0] = writer(1);
  elect_primary(cluster);
  CHECK_FALSE(cluster.primary);
  CHECK(cluster.primary_state == PrimaryState::kStaleClaimant);
}

TEST_CASE("a standby that follows a higher timeline gives an old primary away") {
  TopologyServer follower = standby();
  follower.timeline = 2;
  CHECK(elected({writer(1), follower}).primary_state == PrimaryState::kStaleClaimant);
  CHECK(elected({writer(2), follower}).primary == 0U);
  follower.system_identifier = 8;
  CHECK(elected({writer(1), standby(), follower}).primary == 0U);
  follower = standby();
  follower.timeline = 2;
  follower.reachable = false;
  CHECK(elected({writer(1), follower}).primary == 0U);
}

TEST_CASE("a primary that stops answering stays until another claims or it says otherwise") {
  auto cluster = elected({writer(1), standby()});
  cluster.servers[0].reachable = false;
  elect_primary(cluster);
  CHECK(cluster.primary == 0U);
  CHECK(cluster.primary_state == PrimaryState::kUnreachable);
  CHECK(cluster.servers[0].role == ServerRole::kPrimary);

  auto promoted = cluster;
  promoted.servers[1] = writer(2);
  elect_primary(promoted);
  CHECK(promoted.primary == 1U);
  CHECK(promoted.servers[0].role == ServerRole::kUnknown);

  cluster.servers[0] = standby();
  elect_primary(cluster);
  CHECK_FALSE(cluster.primary);
  CHECK(cluster.primary_state == PrimaryState::kNone);
  CHECK(cluster.servers[0].role == ServerRole::kStandby);
}

TEST_CASE("a server of another system identifier is a stranger") {
  const auto cluster = elected({writer(1), standby(), writer(9, 8)});
  CHECK(cluster.system_identifier == 7);
  CHECK(cluster.primary == 0U);
  CHECK(cluster.servers[2].role == ServerRole::kUnknown);
}

TEST_CASE("the cluster's identifier is kept once known, and a tie elects nobody by chance") {
  auto cluster = elected({writer(1, 7), writer(1, 8)});
  CHECK(cluster.primary_state == PrimaryState::kTwoClaimants);

  cluster = elected({writer(1), standby()});
  cluster.servers = {writer(1, 8), standby(8)};  // another cluster on the same addresses
  elect_primary(cluster);
  CHECK_FALSE(cluster.primary);
  CHECK(cluster.primary_state == PrimaryState::kStrangers);
  CHECK(cluster.servers[1].role == ServerRole::kUnknown);
}

TEST_CASE("what is said of all that answer is true of each") {
  auto cluster = elected({writer(1), standby()});
  cluster.servers[0] = writer(1, 8);
  elect_primary(cluster);
  CHECK(cluster.primary_state == PrimaryState::kStrangers);
  cluster.servers[0].reachable = false;
  elect_primary(cluster);
  CHECK(cluster.primary_state == PrimaryState::kNone);
  cluster.servers[1].reachable = false;
  elect_primary(cluster);
  CHECK(cluster.primary_state == PrimaryState::kNoAnswer);
}

TEST_CASE("a cluster is known by whom it has taken for its own") {
  auto cluster = elected({writer(1), standby(), writer(9, 8), TopologyServer{}});
  for (TopologyServer& server : cluster.servers) server.started_at_us = server.reachable ? 1 : 0;
  CHECK(cluster.is_known_by(cluster.servers[0]));
  CHECK(cluster.is_known_by(cluster.servers[1]));
  CHECK_FALSE(cluster.is_known_by(cluster.servers[2]));
  CHECK_FALSE(cluster.is_known_by(cluster.servers[3]));
  cluster.system_identifier = 0;  // which nobody may ask for
  CHECK_FALSE(cluster.is_known_by(cluster.servers[3]));
}

TEST_CASE("servers that never answered are unknown; silent standbys keep their role") {
  auto cluster = elected({TopologyServer{}, TopologyServer{}});
  CHECK(cluster.primary_state == PrimaryState::kUnknown);
  CHECK(cluster.servers[0].role == ServerRole::kUnknown);

  cluster = elected({writer(1), standby()});
  cluster.servers[1].reachable = false;
  elect_primary(cluster);
  CHECK(cluster.servers[1].role == ServerRole::kStandby);
}

TEST_CASE("a cluster is found by name") {
  Topology topology;
  topology.clusters.push_back({.name = "rdb", .servers = {}});
  CHECK(topology.find("rdb") == &topology.clusters[0]);
  CHECK(topology.find("other") == nullptr);
}
