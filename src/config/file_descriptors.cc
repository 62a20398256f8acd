#include "pgsaba/config/file_descriptors.h"

#include <algorithm>

#include "pgsaba/config/pool_settings.h"

namespace pgsaba::config {
namespace {

constexpr std::int64_t kReservePerProcess = 32;  // log, HTTP, DNS, signals, standard streams
constexpr std::int64_t kReservePerWorker = 8;    // epoll, mailbox, a spare for accept

std::int64_t servers_of(const Config& config, const DatabaseSettings& database,
                        std::int64_t known_users) {
  const PoolSettings pool = pool_settings(config, database, nullptr);
  const auto cluster = config.clusters.find(database.cluster);
  const std::int64_t hosts = cluster == config.clusters.end()
                                 ? 1
                                 : static_cast<std::int64_t>(cluster->second.servers.size());
  // A pool without a size is bounded by the clients.
  const std::int64_t size = pool.pool_size > 0
                                ? std::int64_t{pool.pool_size} + pool.reserve_pool_size
                                : config.limits.max_client_connections;
  const std::int64_t pools = database.user.empty() ? std::max<std::int64_t>(known_users, 1) : 1;
  const std::int64_t needed = size * pools * hosts;
  return pool.max_db_connections > 0 ? std::min<std::int64_t>(needed, pool.max_db_connections)
                                     : needed;
}

}  // namespace

FileDescriptors required_file_descriptors(const Config& config, std::int64_t known_users,
                                          std::int64_t workers) {
  FileDescriptors needed;
  needed.clients = config.limits.max_client_connections;
  for (const auto& [name, database] : config.databases) {
    needed.servers += servers_of(config, database, known_users);
  }
  needed.listeners = static_cast<std::int64_t>(config.listen.size()) * workers;
  needed.reserve =
      kReservePerProcess + (kReservePerWorker + config.limits.max_cancel_requests) * workers;
  for (const auto& [name, cluster] : config.clusters) {
    needed.reserve += static_cast<std::int64_t>(cluster.servers.size());
  }
  return needed;
}

}  // namespace pgsaba::config
