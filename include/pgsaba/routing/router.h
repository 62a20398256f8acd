// Router: which server of a cluster serves, and why. A pure function of its arguments; any thread.
// A route without a server carries the reason why there is none; the caller decides whether to
// wait.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "pgsaba/config/config.h"
#include "pgsaba/routing/topology.h"

namespace pgsaba::routing {

enum class RouteReason : std::uint8_t {
  kPrimaryMode,       // the database is configured for the primary
  kSplitUnproven,     // split: nothing proves the statement to be a harmless read
  kReplicaMode,       // the database is configured for replicas, and there is one
  kNoReplicaAtAll,    // no route: replica_only, and none fits
  kNoReplica,         // replica wanted, none fit: the primary serves
  kStaleReplica,      // replica wanted; neither a streaming one nor a primary answers
  kOnlyServer,        // the cluster has one server, whatever its role
  kNoServers,         // no route: the cluster has no servers
  kPrimaryUnknown,    // no route: no server has told its role yet
  kNoPrimary,         // no route: all servers that answer are in recovery
  kStrangers,         // no route: the same, but for servers of another system identifier
  kNoAnswer,          // no route: no server answers, and there was no primary before
  kContestedPrimary,  // no route: two claimants, or only one on an old timeline
};

struct Route {
  std::optional<std::size_t> server;  // index into the cluster's servers
  RouteReason reason;
};

class Router {
 public:
  // `turn` spreads reads over equal replicas: pass a number that grows with each call.
  static Route choose(const TopologyCluster& cluster, config::RoutePolicy policy,
                      std::uint64_t turn = 0);
};

std::string_view text_of(RouteReason reason);

}  // namespace pgsaba::routing
