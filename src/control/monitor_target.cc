#include "monitor_target.h"

namespace pgsaba::control {

std::vector<MonitorCluster> monitored_clusters(const config::Config& config) {
  std::vector<MonitorCluster> clusters;
  for (const auto& [name, cluster] : config.clusters) {
    MonitorCluster& watched = clusters.emplace_back();
    watched.name = name;
    watched.interval_us = cluster.monitor.interval_us;
    for (const config::ServerAddress& server : cluster.servers) {
      watched.servers.push_back({.name = server.name,
                                 .host = server.host,
                                 .port = server.port,
                                 .user = cluster.monitor.user,
                                 .password = cluster.monitor.password,
                                 .database = cluster.monitor.database});
    }
  }
  return clusters;
}

}  // namespace pgsaba::control
