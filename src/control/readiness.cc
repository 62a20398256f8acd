#include "control/readiness.h"

#include <algorithm>
#include <set>

namespace pgsaba::control {
namespace {

// A cluster nobody watches is taken for healthy: its clients will hear if it is not.
bool cluster_ready(const admin::ConsolePicture& picture, ReadinessOf of,
                   const std::string& cluster) {
  bool ready = false;
  bool watched = false;
  for (const admin::TopologyRow& row : picture.topology) {
    if (row.cluster != cluster) continue;
    watched = watched || row.role != "unknown";
    ready =
        ready || (of == ReadinessOf::kReads ? row.fit_for_reads
                                            : row.role == "primary" && row.state == "reachable");
  }
  return ready || (!watched && of == ReadinessOf::kWrites);
}

}  // namespace

Readiness readiness(const admin::ConsolePicture& picture, ReadinessOf of,
                    const std::string& database) {
  if (picture.state == admin::ProcessState::kPaused) return {false, "all databases are paused"};
  std::set<std::string> clusters;
  if (database.empty()) {
    for (const admin::TopologyRow& row : picture.topology) clusters.insert(row.cluster);
  } else {
    const auto found = std::ranges::find(picture.databases, database, &admin::DatabaseInfo::name);
    if (found == picture.databases.end()) return {false, "no such database: " + database};
    if (found->paused) return {false, "database " + database + " is paused"};
    if (found->disabled) return {false, "database " + database + " is disabled"};
    if (!found->cluster.empty()) clusters.insert(found->cluster);
  }
  const std::string missing =
      of == ReadinessOf::kReads ? "no standby that is fit for reads" : "no primary that answers";
  for (const std::string& cluster : clusters)
    if (!cluster_ready(picture, of, cluster))
      return {false, "cluster " + cluster + " has " + missing};
  return {true, "ready"};
}

}  // namespace pgsaba::control
