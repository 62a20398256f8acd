#include "control/switchover.h"

#include <doctest/doctest.h>

using namespace pgsaba;
using namespace pgsaba::control;
using routing::PrimaryState;
using routing::ServerRole;

namespace {

routing::TopologyCluster good() {
  routing::TopologyCluster cluster;
  cluster.name = "rdb";
  for (const char* name : {"a", "b"})
    cluster.servers.push_back({.name = name,
                               .role = ServerRole::kStandby,
                               .reachable = true,
                               .streaming = true,
                               .timeline = 3});
  cluster.servers[0].role = ServerRole::kPrimary;
  cluster.primary = 0;
  cluster.primary_state = PrimaryState::kElected;
  return cluster;
}

std::string refusal(const routing::TopologyCluster& cluster, std::size_t target = 1) {
  const auto reply = switchover_refusal(&cluster, target == 0 ? "a" : "b", target);
  return reply ? reply->error->message : "";
}

}  // namespace

TEST_CASE("which standby may take over") {
  CHECK(refusal(good()).empty());
  CHECK(refusal(good(), 0) == "a is the primary already");
  CHECK(switchover_refusal(nullptr, "b", 1)->error->message ==
        "nothing is known of the cluster's servers yet");
  auto cluster = good();
  cluster.primary_state = PrimaryState::kUnreachable;
  CHECK(refusal(cluster) ==
        "cluster rdb has no primary to take over from: the primary does not answer");
  cluster = good();
  cluster.servers[1].reachable = false;
  CHECK(refusal(cluster) == "b does not answer");
  cluster = good();
  cluster.servers[1].streaming = false;
  CHECK(refusal(cluster) == "b does not stream from the primary");
  cluster = good();
  cluster.servers[1].role = ServerRole::kUnknown;
  CHECK(refusal(cluster) == "b is no standby of cluster rdb");
  cluster = good();
  cluster.servers[1].timeline = 2;
  CHECK(refusal(cluster) == "b is on timeline 2, the primary on 3");
}
