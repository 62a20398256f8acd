// ServerNews: what a new picture says about the connections that are open to a server. Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "pgsaba/routing/topology.h"

namespace pgsaba::routing {

enum class ServerNews : std::uint8_t {
  kNone,
  kDeposed,   // it was the primary, and is it no longer: nothing may be written there any more
  kSilent,    // a server that is not the primary has stopped answering, though nothing broke
  kPromoted,  // a standby is the primary now: what it said of itself before is out of date
  kBack,      // it answers again
};

// For each server of `now`; one that is another than at its index in `before` has no news.
//
// A primary that does not answer is left alone: what runs there may be a write that comes through,
// and while nobody else is the primary nothing is gained by calling its outcome unknown.
std::vector<ServerNews> news_of_servers(const TopologyCluster& before, const TopologyCluster& now);

}  // namespace pgsaba::routing
