#include "pgsaba/routing/topology.h"

#include <algorithm>
#include <map>

namespace pgsaba::routing {
namespace {

bool belongs(const TopologyCluster& cluster, const TopologyServer& server) {
  return server.system_identifier == 0 || cluster.system_identifier == 0 ||
         server.system_identifier == cluster.system_identifier;
}

// The identifier most servers have; nobody's on a tie, since a coin must not choose the data.
std::uint64_t most_common_identifier(const std::vector<TopologyServer>& servers) {
  std::map<std::uint64_t, int> votes;
  for (const TopologyServer& server : servers) {
    if (server.system_identifier != 0) ++votes[server.system_identifier];
  }
  std::uint64_t winner = 0;
  int best = 0;
  for (const auto& [identifier, count] : votes) {
    if (count == best) winner = 0;
    if (count > best) {
      winner = identifier;
      best = count;
    }
  }
  return winner;
}

std::vector<std::size_t> claimants_of(const TopologyCluster& cluster) {
  std::vector<std::size_t> claimants;
  for (std::size_t index = 0; index < cluster.servers.size(); ++index) {
    const TopologyServer& server = cluster.servers[index];
    if (server.reachable && server.accepts_writes && belongs(cluster, server)) {
      claimants.push_back(index);
    }
  }
  return claimants;
}

void elect_among(TopologyCluster& cluster, const std::vector<std::size_t>& claimants) {
  const auto timeline_of = [&](std::size_t index) { return cluster.servers[index].timeline; };
  std::uint32_t highest = 0;
  for (const std::size_t index : claimants) highest = std::max(highest, timeline_of(index));
  cluster.primary.reset();
  // A standby that has left the timeline of a claimant follows somebody else.
  for (const TopologyServer& server : cluster.servers)
    if (server.reachable && server.system_identifier == cluster.system_identifier)
      cluster.highest_timeline = std::max(cluster.highest_timeline, server.timeline);
  if (highest != 0 && highest < cluster.highest_timeline) {
    cluster.primary_state = PrimaryState::kStaleClaimant;
    return;
  }
  cluster.highest_timeline = std::max(cluster.highest_timeline, highest);
  // An unknown timeline may be the highest, so it rivals every claimant.
  const auto rivals = std::count_if(claimants.begin(), claimants.end(), [&](std::size_t index) {
    return timeline_of(index) == highest || timeline_of(index) == 0;
  });
  if (rivals != 1) {
    cluster.primary_state = PrimaryState::kTwoClaimants;
    return;
  }
  cluster.primary = *std::find_if(claimants.begin(), claimants.end(),
                                  [&](std::size_t index) { return timeline_of(index) == highest; });
  cluster.primary_state = PrimaryState::kElected;
}

// Nobody claims to be the primary: has the old one become a standby, or does it only not answer?
void keep_or_drop_primary(TopologyCluster& cluster) {
  if (cluster.primary && !cluster.servers[*cluster.primary].reachable) {
    cluster.primary_state = PrimaryState::kUnreachable;
    return;
  }
  cluster.primary.reset();
  const auto any = [&](auto fits) { return std::ranges::any_of(cluster.servers, fits); };
  if (any([&](const TopologyServer& server) { return cluster.is_stranger(server); })) {
    cluster.primary_state = PrimaryState::kStrangers;
  } else if (any([](const TopologyServer& server) { return server.reachable; })) {
    cluster.primary_state = PrimaryState::kNone;
  } else if (cluster.primary_state != PrimaryState::kUnknown) {
    cluster.primary_state = PrimaryState::kNoAnswer;
  }
}

ServerRole role_of(const TopologyCluster& cluster, std::size_t index) {
  const TopologyServer& server = cluster.servers[index];
  if (cluster.primary == index) return ServerRole::kPrimary;
  if (!belongs(cluster, server) || server.accepts_writes) return ServerRole::kUnknown;
  // One that never answered is unknown; one that fell silent keeps the role it had.
  return server.reachable
             ? ServerRole::kStandby
             : (server.role == ServerRole::kStandby ? ServerRole::kStandby : ServerRole::kUnknown);
}

}  // namespace

const TopologyCluster* Topology::find(std::string_view cluster) const {
  const auto found = std::find_if(clusters.begin(), clusters.end(),
                                  [&](const TopologyCluster& one) { return one.name == cluster; });
  return found == clusters.end() ? nullptr : &*found;
}

bool TopologyCluster::is_stranger(const TopologyServer& server) const {
  return server.reachable && !belongs(*this, server);
}

void elect_primary(TopologyCluster& cluster) {
  if (cluster.system_identifier == 0) {
    cluster.system_identifier = most_common_identifier(cluster.servers);
  }
  const std::vector<std::size_t> claimants = claimants_of(cluster);
  if (claimants.empty()) {
    keep_or_drop_primary(cluster);
  } else {
    elect_among(cluster, claimants);
  }
  for (std::size_t index = 0; index < cluster.servers.size(); ++index) {
    cluster.servers[index].role = role_of(cluster, index);
  }
}

std::string_view text_of(ServerRole role) {
  switch (role) {
    case ServerRole::kUnknown:
      return "unknown";
    case ServerRole::kPrimary:
      return "primary";
    case ServerRole::kStandby:
      return "standby";
  }
  return "?";
}

std::string_view text_of(PrimaryState state) {
  switch (state) {
    case PrimaryState::kUnknown:
      return "no server has told its role yet";
    case PrimaryState::kElected:
      return "elected";
    case PrimaryState::kUnreachable:
      return "the primary does not answer";
    case PrimaryState::kNone:
      return "every server that answers is in recovery";
    case PrimaryState::kStrangers:
      return "every server that answers is in recovery or has another system identifier";
    case PrimaryState::kNoAnswer:
      return "no server answers, and there was no primary before";
    case PrimaryState::kTwoClaimants:
      return "two servers accept writes on the same timeline";
    case PrimaryState::kStaleClaimant:
      return "the only server that accepts writes is on an old timeline";
  }
  return "?";
}

}  // namespace pgsaba::routing
