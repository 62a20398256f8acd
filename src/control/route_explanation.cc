#include "control/route_explanation.h"

#include <algorithm>

#include "pgsaba/config/pool_settings.h"
#include "pgsaba/routing/access_lists.h"
#include "pgsaba/routing/lease_reason.h"
#include "pgsaba/routing/read_balance.h"
#include "pgsaba/routing/router.h"
#include "pgsaba/sql/statement.h"

namespace pgsaba::control {
namespace {

using routing::LeaseReason;
using routing::TopologyCluster;

struct Destination {
  std::string route;
  std::string reason;
  std::string server;  // empty: none would serve
};

// While no server has told its role, the first one is taken at its word.
std::string server_of(const TopologyCluster& cluster, const routing::Route& route) {
  if (route.server) return cluster.servers[*route.server].name;
  const bool unknown = route.reason == routing::RouteReason::kPrimaryUnknown;
  return unknown && !cluster.servers.empty() ? cluster.servers.front().name : std::string();
}

// All that the workers choose from, with commas.
std::string fit_standbys(const TopologyCluster& cluster, const config::Config& config) {
  const auto& servers = config.clusters.find(cluster.name)->second.servers;
  const std::size_t count =
      std::min({cluster.servers.size(), servers.size(), routing::CausalClock::kMaxServers});
  std::string names;
  for (std::size_t i = 0; i < count; ++i) {
    const routing::TopologyServer& server = cluster.servers[i];
    if (servers[i].weight <= 0 ||
        !routing::fit_for_reads(cluster, server, config.routing.max_lag_us, true))
      continue;
    names += (names.empty() ? "" : ",") + server.name;
  }
  return names;
}

Destination by_policy(const TopologyCluster& cluster, config::RoutePolicy policy) {
  const routing::Route route = routing::Router::choose(cluster, policy);
  return {policy == config::RoutePolicy::kReplica ? "replica" : "primary",
          std::string(routing::text_of(route.reason)), server_of(cluster, route)};
}

// Of a database whose reads are split.
Destination split(const TopologyCluster& cluster, const config::Config& config,
                  const sql::Statement& statement, config::PoolMode pool_mode) {
  LeaseReason reason = LeaseReason::kRead;
  if (pool_mode == config::PoolMode::kSession)
    reason = LeaseReason::kSessionPooling;
  else if (statement.access != sql::Access::kRead)
    reason = routing::lease_reason(statement.reason);
  else if (statement.hint == sql::RouteHint::kPrimary)
    reason = LeaseReason::kHint;
  const std::string standbys = fit_standbys(cluster, config);
  if (reason == LeaseReason::kRead && standbys.empty()) reason = LeaseReason::kNoneFit;
  const std::string text(routing::text_of(reason));
  if (routing::is_on_standby(reason)) return {"standby", text, standbys};
  const routing::Route route = routing::Router::choose(cluster, config::RoutePolicy::kPrimary);
  return {"primary", text, server_of(cluster, route)};
}

Destination destination_of(const worker::Picture& picture, const config::DatabaseSettings& database,
                           const sql::Statement& statement) {
  const config::Config& config = *picture.config;
  const TopologyCluster* seen =
      picture.topology ? picture.topology->find(database.cluster) : nullptr;
  const TopologyCluster nothing;
  const TopologyCluster& cluster = seen != nullptr ? *seen : nothing;
  if (database.route != config::RoutePolicy::kSplit || cluster.servers.size() < 2 ||
      !config.clusters.contains(cluster.name))
    return by_policy(cluster, database.route);
  const auto mode = config::pool_settings(config, database, nullptr).pool_mode;
  return split(cluster, config, statement, mode);
}

admin::Row row_of(const worker::Picture& picture, const std::string& name,
                  const config::DatabaseSettings& database, const sql::Statement& statement) {
  const auto text_or_null = [](std::string_view text) {
    return text.empty() ? admin::Cell{} : admin::cell(text);
  };
  const Destination to = destination_of(picture, database, statement);
  return {admin::cell(name),
          admin::cell(sql::text_of(statement.access)),
          text_or_null(sql::text_of(statement.reason)),
          text_or_null(sql::text_of(statement.hint)),
          admin::cell(to.route),
          admin::cell(to.reason),
          text_or_null(to.server)};
}

}  // namespace

std::vector<admin::Row> explain_route(const worker::Picture& picture,
                                      const admin::ExplainRoute& command) {
  const config::Config& config = *picture.config;
  const auto rules = routing::access_rules(config.routing);
  const sql::Statement statement = sql::read_statement(command.sql, sql::Dialect{}, rules.get());
  std::vector<admin::Row> rows;
  if (!command.database.empty()) {
    if (const auto* database = config::find_database(config, command.database))
      rows.push_back(row_of(picture, command.database, *database, statement));
    return rows;
  }
  for (const auto& [name, database] : config.databases)
    rows.push_back(row_of(picture, name, database, statement));
  return rows;
}

}  // namespace pgsaba::control
