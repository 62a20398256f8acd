#include "control/console_picture.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <utility>

#include "pgsaba/config/pool_settings.h"
#include "pgsaba/config/show.h"
#include "pgsaba/routing/read_balance.h"

namespace pgsaba::control {
namespace {

using admin::ConsolePicture;
using config::Config;
using routing::ServerRole;
using routing::TopologyCluster;
using routing::TopologyServer;

std::uint32_t count_of(std::int32_t number) {
  return static_cast<std::uint32_t>(std::max(0, number));
}

std::optional<std::uint32_t> count_of(const std::optional<std::int32_t>& number) {
  if (!number) return std::nullopt;
  return count_of(*number);
}

std::optional<std::string> word_of(const std::optional<config::PoolMode>& mode) {
  if (!mode) return std::nullopt;
  switch (*mode) {
    case config::PoolMode::kSession:
      return "session";
    case config::PoolMode::kTransaction:
      return "transaction";
    case config::PoolMode::kStatement:
      return "statement";
  }
  return std::nullopt;
}

std::string word_of(config::RoutePolicy policy) {
  switch (policy) {
    case config::RoutePolicy::kPrimary:
      return "primary";
    case config::RoutePolicy::kReplica:
      return "replica";
    case config::RoutePolicy::kSplit:
      return "split";
    case config::RoutePolicy::kReplicaOnly:
      return "replica_only";
    case config::RoutePolicy::kPreferReplica:
      return "prefer_replica";
    case config::RoutePolicy::kPreferPrimary:
      return "prefer_primary";
  }
  return {};
}

// ---- clients -----------------------------------------------------------------------------------

void move_consoles(std::vector<stats::WorkerSnapshot>& workers,
                   const std::set<std::uint32_t>& consoles) {
  stats::WorkerSnapshot control;
  control.worker = admin::kControlThread;
  for (stats::WorkerSnapshot& worker : workers) {
    control.time = std::max(control.time, worker.time);
    const auto is_console = [&](const stats::ClientRow& client) {
      return config::is_admin_database(client.database) ||
             consoles.contains(static_cast<std::uint32_t>(client.id));
    };
    const auto theirs = std::stable_partition(worker.clients.begin(), worker.clients.end(),
                                              std::not_fn(is_console));
    for (auto client = theirs; client != worker.clients.end(); ++client) {
      client->database = admin::kConsoleDatabase;
      control.clients.push_back(std::move(*client));
    }
    worker.clients.erase(theirs, worker.clients.end());
    for (stats::ClientCount& account : worker.accounts)
      if (account.consoles) account.database = admin::kConsoleDatabase;
  }
  workers.push_back(std::move(control));
}

// ---- databases ---------------------------------------------------------------------------------

// The configured ones, and those of "*" that have pools or were paused or disabled by name.
std::set<std::string> database_names(const worker::Picture& picture,
                                     const std::vector<stats::WorkerSnapshot>& workers) {
  std::set<std::string> names;
  for (const auto& [name, settings] : picture.config->databases) names.insert(name);
  for (const stats::WorkerSnapshot& worker : workers)
    for (const stats::PoolRow& pool : worker.pools) names.insert(pool.database);
  names.insert(picture.paused.begin(), picture.paused.end());
  names.insert(picture.disabled.begin(), picture.disabled.end());
  names.erase("*");
  return names;
}

void set_servers(admin::DatabaseInfo& info, const Config& config,
                 const config::DatabaseSettings& database) {
  info.host = database.host;
  info.port = database.port;
  const auto cluster = config.clusters.find(database.cluster);
  if (cluster == config.clusters.end()) return;
  if (!cluster->second.anonymous) info.cluster = cluster->first;
  info.host.clear();
  for (const config::ServerAddress& server : cluster->second.servers)
    info.host += (info.host.empty() ? "" : ",") + server.host;
  if (!cluster->second.servers.empty()) info.port = cluster->second.servers.front().port;
}

admin::DatabaseInfo database_info(const worker::Picture& picture, const std::string& name,
                                  const config::DatabaseSettings& database) {
  const auto settings = config::pool_settings(*picture.config, database, nullptr);
  admin::DatabaseInfo info;
  info.name = name;
  set_servers(info, *picture.config, database);
  info.database = database.dbname.empty() ? name : database.dbname;
  if (!database.user.empty()) info.force_user = database.user;
  info.pool_size = count_of(settings.pool_size);
  info.min_pool_size = count_of(settings.min_pool_size);
  info.reserve_pool_size = count_of(settings.reserve_pool_size);
  info.server_lifetime_us = settings.server_lifetime_us;
  info.pool_mode = word_of(database.pool_mode);
  info.max_connections = count_of(settings.max_db_connections);
  info.max_client_connections = count_of(settings.max_db_client_connections);
  info.paused = picture.is_paused(name);
  info.disabled = picture.disabled.contains(name);
  info.route = word_of(database.route);
  return info;
}

// ---- servers -----------------------------------------------------------------------------------

std::string state_of(const TopologyCluster& cluster, const TopologyServer& server) {
  if (!server.reachable)
    return server.role == ServerRole::kUnknown && server.lsn == 0 ? "not reached so far"
                                                                  : "unreachable";
  if (server.role == ServerRole::kPrimary) return "reachable";
  if (server.streaming) return "streaming";
  if (!cluster.primary) return std::string(routing::text_of(cluster.primary_state));
  return server.accepts_writes ? "accepts writes, but is not the primary" : "not streaming";
}

// Workers want one that fell behind to catch up to half of the limit first; here it counts as fit a
// little earlier.
admin::TopologyRow topology_row(const Config& config, const TopologyCluster& cluster,
                                const TopologyServer& server) {
  admin::TopologyRow row;
  row.cluster = cluster.name;
  row.server = server.name;
  row.role = routing::text_of(server.role);
  row.state = state_of(cluster, server);
  row.timeline = server.timeline;
  row.position = server.lsn;
  row.lag_bytes = server.replay_lag_bytes;
  row.lag_us = server.replay_lag_time;
  row.fit_for_reads = routing::fit_for_reads(cluster, server, config.routing.max_lag_us, true);
  row.started = server.started_at_us;
  row.disabled = server.disabled;
  return row;
}

// ---- users, settings, names --------------------------------------------------------------------

// Also those who stand in no file, as long as somebody has come or servers are open for them.
std::vector<admin::UserInfo> user_infos(const worker::Picture& picture,
                                        const std::vector<stats::WorkerSnapshot>& workers) {
  const Config& config = *picture.config;
  std::set<std::string> names;
  for (const auto& [name, settings] : config.users) names.insert(name);
  if (picture.users)
    names.merge([&] {
      const std::vector<std::string> listed = picture.users->changed_since(auth::UserList{});
      return std::set<std::string>(listed.begin(), listed.end());
    }());
  for (const stats::WorkerSnapshot& worker : workers) {
    for (const stats::PoolRow& pool : worker.pools) names.insert(pool.user);
    for (const auto& account : worker.accounts) names.insert(account.user);
  }
  const config::UserSettings nothing;
  std::vector<admin::UserInfo> infos;
  for (const std::string& name : names) {
    const config::UserSettings* own = config::find_user(config, name);
    const config::UserSettings& user = own != nullptr ? *own : nothing;
    const auto settings = config::pool_settings(config, config::DatabaseSettings{}, own);
    infos.push_back({name, count_of(user.pool_size), count_of(user.reserve_pool_size),
                     word_of(user.pool_mode), count_of(settings.max_user_connections),
                     count_of(settings.max_user_client_connections)});
  }
  return infos;
}

std::vector<admin::ConfigRow> config_infos(const Config& config) {
  std::vector<admin::ConfigRow> rows;
  for (config::ShowRow& row : config::show(config))
    rows.push_back(
        {std::move(row.key), std::move(row.value), std::move(row.default_value), row.changeable});
  return rows;
}

std::uint16_t listen_port(const Config& config) {
  const auto tcp = std::ranges::find_if(config.listen, [](const auto& l) { return !l.is_unix(); });
  if (tcp != config.listen.end()) return tcp->port;
  return config.listen.empty() ? config::Listener{}.port : config.listen.front().port;
}

}  // namespace

std::vector<admin::TopologyRow> topology_rows(const worker::Picture& picture) {
  std::vector<admin::TopologyRow> rows;
  for (const auto& [name, cluster] : picture.config->clusters) {
    const TopologyCluster* seen = picture.topology ? picture.topology->find(name) : nullptr;
    for (std::size_t i = 0; i < cluster.servers.size(); ++i) {
      const config::ServerAddress& server = cluster.servers[i];
      TopologyCluster unseen;
      unseen.name = name;
      const bool known = seen != nullptr && i < seen->servers.size();
      rows.push_back(known ? topology_row(*picture.config, *seen, seen->servers[i])
                           : topology_row(*picture.config, unseen, {.name = server.name}));
      rows.back().host = server.host;
      rows.back().port = server.port;
      rows.back().weight = server.weight;
    }
  }
  return rows;
}

ConsolePicture make_console_picture(const worker::Picture& picture,
                                    std::vector<stats::WorkerSnapshot> workers,
                                    ConsoleFacts facts) {
  const Config& config = *picture.config;
  ConsolePicture result;
  result.version = std::move(facts.version);
  result.state = picture.all_paused ? admin::ProcessState::kPaused : admin::ProcessState::kActive;
  result.shared = picture.shared;
  result.listen_port = listen_port(config);
  for (const std::string& name : database_names(picture, workers))
    if (const auto* database = config::find_database(config, name))
      result.databases.push_back(database_info(picture, name, *database));
  result.topology = topology_rows(picture);
  result.users = user_infos(picture, workers);
  result.config = config_infos(config);
  result.dns_hosts = std::move(facts.dns_hosts);
  for (const auto& [id, peer] : config.peers) result.peers.push_back({id, peer.host, peer.port});
  result.averages = std::move(facts.averages);
  result.hba = std::move(facts.hba);
  result.prepared = std::move(facts.prepared);
  result.prepared_bounds = facts.prepared_bounds;
  move_consoles(workers, facts.consoles);
  std::ranges::move(facts.memory, std::back_inserter(workers.back().memory));
  result.workers = std::move(workers);
  return result;
}

}  // namespace pgsaba::control
