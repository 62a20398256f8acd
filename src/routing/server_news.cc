#include "pgsaba/routing/server_news.h"

#include <algorithm>

namespace pgsaba::routing {

std::vector<ServerNews> news_of_servers(const TopologyCluster& before, const TopologyCluster& now) {
  std::vector<ServerNews> news(now.servers.size(), ServerNews::kNone);
  const std::size_t both = std::min(before.servers.size(), now.servers.size());
  for (std::size_t i = 0; i < both; ++i) {
    const TopologyServer& was = before.servers[i];
    const TopologyServer& is = now.servers[i];
    if (was.number != is.number) continue;
    const bool primary_before = before.primary == i;
    const bool primary_now = now.primary == i;
    if (primary_before && !primary_now) {
      news[i] = ServerNews::kDeposed;
    } else if (!was.silent && is.silent && !primary_now) {
      news[i] = ServerNews::kSilent;
    } else if (was.role == ServerRole::kStandby && primary_now) {
      news[i] = ServerNews::kPromoted;
    } else if (!was.reachable && is.reachable) {
      news[i] = ServerNews::kBack;
    }
  }
  return news;
}

}  // namespace pgsaba::routing
