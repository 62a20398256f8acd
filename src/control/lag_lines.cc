#include "control/lag_lines.h"

namespace pgsaba::control {

void LagLines::record(const std::vector<admin::TopologyRow>& servers) {
  Lines kept;
  for (const admin::TopologyRow& server : servers) {
    const std::pair name(server.cluster, server.server);
    const auto before = lines_.find(name);
    Points points = before == lines_.end() ? Points() : std::move(before->second);
    points.push_back(server.lag_us);
    if (points.size() > kPoints) points.pop_front();
    kept.emplace(name, std::move(points));
  }
  lines_ = std::move(kept);
}

}  // namespace pgsaba::control
