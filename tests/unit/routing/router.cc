#include "pgsaba/routing/router.h"

#include <doctest/doctest.h>

#include <string>

using namespace pgsaba::routing;
namespace config = pgsaba::config;

namespace {

// One letter per server: P primary, S streaming standby, N standby that does not stream,
// p and s: the same, not answering, ? unknown.
TopologyCluster cluster_of(const std::string& letters,
                           PrimaryState state = PrimaryState::kUnknown) {
  TopologyCluster cluster;
  cluster.primary_state = state;
  for (const char letter : letters) {
    TopologyServer server;
    server.reachable = letter == 'P' || letter == 'S' || letter == 'N';
    server.streaming = letter == 'S' || letter == 's';
    if (letter == 'P' || letter == 'p') {
      server.role = ServerRole::kPrimary;
      cluster.primary = cluster.servers.size();
    } else if (letter != '?') {
      server.role = ServerRole::kStandby;
    }
    cluster.servers.push_back(server);
  }
  return cluster;
}

}  // namespace

TEST_CASE("modes and clusters") {
  struct Row {
    const char* servers;
    config::RoutePolicy policy;
    int server;  // -1: none
    RouteReason reason;
  };
  const Row rows[] = {
      {"SP", config::RoutePolicy::kPrimary, 1, RouteReason::kPrimaryMode},
      {"Sp", config::RoutePolicy::kPrimary, 1, RouteReason::kPrimaryMode},
      {"SP", config::RoutePolicy::kSplit, 1, RouteReason::kSplitUnproven},
      {"PS", config::RoutePolicy::kReplica, 1, RouteReason::kReplicaMode},
      {"PsS", config::RoutePolicy::kReplica, 2, RouteReason::kReplicaMode},
      {"Ps", config::RoutePolicy::kReplica, 0, RouteReason::kNoReplica},
      {"PN", config::RoutePolicy::kReplica, 0, RouteReason::kNoReplica},
      {"P?", config::RoutePolicy::kReplica, 0, RouteReason::kNoReplica},
      {"pN", config::RoutePolicy::kReplica, 1, RouteReason::kStaleReplica},
      {"ps", config::RoutePolicy::kReplica, 0, RouteReason::kNoReplica},
      {"PS", config::RoutePolicy::kReplicaOnly, 1, RouteReason::kReplicaMode},
      {"PN", config::RoutePolicy::kReplicaOnly, -1, RouteReason::kNoReplicaAtAll},
      {"pN", config::RoutePolicy::kReplicaOnly, 1, RouteReason::kStaleReplica},
      {"ps", config::RoutePolicy::kReplicaOnly, -1, RouteReason::kNoReplicaAtAll},
      {"PS", config::RoutePolicy::kPreferReplica, 0, RouteReason::kSplitUnproven},
      {"PS", config::RoutePolicy::kPreferPrimary, 0, RouteReason::kSplitUnproven},
      {"S", config::RoutePolicy::kPrimary, 0, RouteReason::kOnlyServer},
      {"?", config::RoutePolicy::kSplit, 0, RouteReason::kOnlyServer},
      {"??", config::RoutePolicy::kSplit, -1, RouteReason::kPrimaryUnknown},
      {"??", config::RoutePolicy::kReplica, -1, RouteReason::kPrimaryUnknown},
      {"", config::RoutePolicy::kSplit, -1, RouteReason::kNoServers},
  };
  for (const Row& row : rows) {
    CAPTURE(row.servers);
    CAPTURE(static_cast<int>(row.policy));
    const Route route = Router::choose(cluster_of(row.servers), row.policy);
    CHECK((route.server ? static_cast<int>(*route.server) : -1) == row.server);
    CHECK(text_of(route.reason) == text_of(row.reason));
  }
}

TEST_CASE("without a primary the reason says why") {
  const auto reason = [](PrimaryState state) {
    return Router::choose(cluster_of("SS", state), config::RoutePolicy::kPrimary).reason;
  };
  CHECK(reason(PrimaryState::kNone) == RouteReason::kNoPrimary);
  CHECK(reason(PrimaryState::kStrangers) == RouteReason::kStrangers);
  CHECK(reason(PrimaryState::kNoAnswer) == RouteReason::kNoAnswer);
  CHECK(reason(PrimaryState::kTwoClaimants) == RouteReason::kContestedPrimary);
  CHECK(reason(PrimaryState::kStaleClaimant) == RouteReason::kContestedPrimary);
}

TEST_CASE("a standby that was disabled serves nobody") {
  auto cluster = cluster_of("PSS");
  cluster.servers[1].disabled = true;
  CHECK(Router::choose(cluster, config::RoutePolicy::kReplica, 0).server == 2U);
  CHECK(Router::choose(cluster, config::RoutePolicy::kReplica, 1).server == 2U);
  cluster.servers[2].disabled = true;
  CHECK(Router::choose(cluster, config::RoutePolicy::kReplica, 0).server == 0U);
  CHECK_FALSE(Router::choose(cluster, config::RoutePolicy::kReplicaOnly, 0).server);
}

TEST_CASE("turns go round the replicas that fit") {
  const auto cluster = cluster_of("SPsS");
  CHECK(Router::choose(cluster, config::RoutePolicy::kReplica, 0).server == 0U);
  CHECK(Router::choose(cluster, config::RoutePolicy::kReplica, 1).server == 3U);
  CHECK(Router::choose(cluster, config::RoutePolicy::kReplica, 2).server == 0U);
}
