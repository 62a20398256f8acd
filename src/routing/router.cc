#include "pgsaba/routing/router.h"

#include <vector>

namespace pgsaba::routing {
namespace {

RouteReason reason_for_no_primary(PrimaryState state) {
  switch (state) {
    case PrimaryState::kTwoClaimants:
    case PrimaryState::kStaleClaimant:
      return RouteReason::kContestedPrimary;
    case PrimaryState::kUnknown:
      return RouteReason::kPrimaryUnknown;
    case PrimaryState::kStrangers:
      return RouteReason::kStrangers;
    case PrimaryState::kNoAnswer:
      return RouteReason::kNoAnswer;
    default:
      return RouteReason::kNoPrimary;
  }
}

Route to_primary(const TopologyCluster& cluster, RouteReason reason) {
  if (cluster.primary) return {*cluster.primary, reason};
  return {std::nullopt, reason_for_no_primary(cluster.primary_state)};
}

template <class Fits>
std::optional<std::size_t> pick_standby(const TopologyCluster& cluster, std::uint64_t turn,
                                        Fits fits) {
  std::size_t count = 0;
  for (const TopologyServer& server : cluster.servers) count += fits(server) ? 1 : 0;
  if (count == 0) return std::nullopt;
  std::uint64_t skip = turn % count;
  for (std::size_t index = 0; index < cluster.servers.size(); ++index) {
    if (fits(cluster.servers[index]) && skip-- == 0) return index;
  }
  return std::nullopt;
}

bool answers_as_standby(const TopologyServer& server) {
  return server.reachable && !server.disabled && server.role == ServerRole::kStandby;
}

bool streams(const TopologyServer& server) {
  return answers_as_standby(server) && server.streaming;
}

Route to_replica(const TopologyCluster& cluster, std::uint64_t turn, bool only) {
  if (const auto index = pick_standby(cluster, turn, streams)) {
    return {*index, RouteReason::kReplicaMode};
  }
  // A standby cut off from its primary falls behind without bound, so the primary comes first.
  if (cluster.primary && cluster.servers[*cluster.primary].reachable) {
    if (only) return {std::nullopt, RouteReason::kNoReplicaAtAll};
    return {*cluster.primary, RouteReason::kNoReplica};
  }
  if (const auto index = pick_standby(cluster, turn, answers_as_standby)) {
    return {*index, RouteReason::kStaleReplica};
  }
  if (only && cluster.primary) return {std::nullopt, RouteReason::kNoReplicaAtAll};
  return to_primary(cluster, RouteReason::kNoReplica);
}

}  // namespace

Route Router::choose(const TopologyCluster& cluster, config::RoutePolicy policy,
                     std::uint64_t turn) {
  if (cluster.servers.empty()) return {std::nullopt, RouteReason::kNoServers};
  // A single server needs no monitor: it serves as it would a direct connection.
  if (cluster.servers.size() == 1) return {0, RouteReason::kOnlyServer};
  switch (policy) {
    case config::RoutePolicy::kPrimary:
      return to_primary(cluster, RouteReason::kPrimaryMode);
    case config::RoutePolicy::kSplit:
    case config::RoutePolicy::kPreferReplica:
    case config::RoutePolicy::kPreferPrimary:
      return to_primary(cluster, RouteReason::kSplitUnproven);
    case config::RoutePolicy::kReplica:
      return to_replica(cluster, turn, false);
    case config::RoutePolicy::kReplicaOnly:
      return to_replica(cluster, turn, true);
  }
  return {std::nullopt, RouteReason::kNoServers};
}

std::string_view text_of(RouteReason reason) {
  switch (reason) {
    case RouteReason::kPrimaryMode:
      return "the database is routed to the primary";
    case RouteReason::kSplitUnproven:
      return "not proven to be a read";
    case RouteReason::kReplicaMode:
      return "the database is routed to replicas";
    case RouteReason::kNoReplicaAtAll:
      return "no replica streams, and the database is served by replicas only";
    case RouteReason::kNoReplica:
      return "no replica fits, the primary serves";
    case RouteReason::kStaleReplica:
      return "no primary and no streaming replica, a standby serves";
    case RouteReason::kOnlyServer:
      return "the only server of the cluster";
    case RouteReason::kNoServers:
      return "the cluster has no servers";
    case RouteReason::kPrimaryUnknown:
      return text_of(PrimaryState::kUnknown);
    case RouteReason::kNoPrimary:
      return text_of(PrimaryState::kNone);
    case RouteReason::kStrangers:
      return text_of(PrimaryState::kStrangers);
    case RouteReason::kNoAnswer:
      return text_of(PrimaryState::kNoAnswer);
    case RouteReason::kContestedPrimary:
      return "it is disputed which server is the primary";
  }
  return "?";
}

}  // namespace pgsaba::routing
