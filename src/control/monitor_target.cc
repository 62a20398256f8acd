#include "monitor_target.h"

#include <array>

namespace pgsaba::control {

std::vector<MonitorCluster> monitored_clusters(const config::Config& config,
                                               const AddressBook& addresses) {
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
                                 .database = cluster.monitor.database,
                                 .tls = cluster.tls,
                                 .addresses = addresses.find(server.host, server.port)});
    }
  }
  return clusters;
}

// libpq's allow would begin without TLS.
std::vector<std::pair<const char*, std::string>> libpq_tls(const config::ServerTls& tls) {
  constexpr std::array kModes = {"disable", "prefer",    "prefer",
                                 "require", "verify-ca", "verify-full"};
  constexpr std::array kVersions = {"TLSv1.2", "TLSv1.3"};
  constexpr std::array kBindings = {"disable", "prefer", "require"};
  const config::TlsSettings& settings = tls.settings;
  return {{"sslmode", kModes.at(static_cast<std::size_t>(settings.mode))},
          {"sslrootcert", settings.verifies() ? settings.ca : ""},
          {"sslcert", settings.files.certificate},
          {"sslkey", settings.files.key},
          {"ssl_min_protocol_version",
           kVersions.at(static_cast<std::size_t>(settings.minimum_version))},
          {"ssl_max_protocol_version",
           kVersions.at(static_cast<std::size_t>(settings.maximum_version))},
          {"channel_binding", kBindings.at(static_cast<std::size_t>(tls.channel_binding))}};
}

}  // namespace pgsaba::control
