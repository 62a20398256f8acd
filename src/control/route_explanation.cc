#include "control/route_explanation.h"

#include <algorithm>
#include <optional>

#include "pgsaba/config/pool_settings.h"
#include "pgsaba/routing/access_lists.h"
#include "pgsaba/routing/lease_reason.h"
#include "pgsaba/routing/read_balance.h"
#include "pgsaba/routing/read_wish.h"
#include "pgsaba/routing/router.h"
#include "pgsaba/sql/statement.h"

namespace pgsaba::control {
namespace {

using routing::LeaseReason;
using routing::ReadWish;
using routing::TopologyCluster;

struct Destination {
  std::string route;
  std::string reason;
  std::string server;  // empty: none would serve
};

// When no server has told its role in time, the first one is taken at its word.
std::string server_of(const TopologyCluster& cluster, const routing::Route& route) {
  if (route.server) return cluster.servers[*route.server].name;
  const bool unknown = route.reason == routing::RouteReason::kPrimaryUnknown && !cluster.asking;
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
  return {routing::splits(policy) ? "primary" : "replica",
          std::string(routing::text_of(route.reason)), server_of(cluster, route)};
}

// Why a statement does not go to a standby.
std::optional<LeaseReason> objection(const TopologyCluster& cluster, config::RoutePolicy route,
                                     const sql::Statement& statement, bool looked) {
  const ReadWish wish = routing::wish_of(routing::wish_of(route), statement.hint);
  if (wish == ReadWish::kNone)
    return statement.hint == sql::RouteHint::kNone ? LeaseReason::kRoute : LeaseReason::kHint;
  const bool answers = cluster.primary && cluster.servers[*cluster.primary].reachable;
  if (!looked) return LeaseReason::kNotLooked;
  if (wish == ReadWish::kInNeed && answers) return LeaseReason::kRoute;
  if (!routing::suits_standby(statement.access, wish))
    return routing::lease_reason(statement.reason);
  return std::nullopt;
}

// By a route that knows reads from the rest.
Destination split(const TopologyCluster& cluster, const config::Config& config,
                  const config::DatabaseSettings& database, const sql::Statement& statement,
                  bool looked) {
  const auto mode = config::pool_settings(config, database, nullptr).pool_mode;
  LeaseReason reason =
      mode == config::PoolMode::kSession ? LeaseReason::kSessionPooling : LeaseReason::kRead;
  if (reason == LeaseReason::kRead)
    reason = objection(cluster, database.route, statement, looked).value_or(reason);
  const std::string standbys = fit_standbys(cluster, config);
  if (reason == LeaseReason::kRead && standbys.empty()) reason = LeaseReason::kNoneFit;
  const std::string text(routing::text_of(reason));
  if (routing::is_on_standby(reason)) return {"standby", text, standbys};
  const routing::Route route = routing::Router::choose(cluster, config::RoutePolicy::kPrimary);
  return {"primary", text, server_of(cluster, route)};
}

Destination destination_of(const worker::Picture& picture, const config::DatabaseSettings& database,
                           const sql::Statement& statement, bool looked) {
  const config::Config& config = *picture.config;
  const TopologyCluster* seen =
      picture.topology ? picture.topology->find(database.cluster) : nullptr;
  const TopologyCluster nothing;
  const TopologyCluster& cluster = seen != nullptr ? *seen : nothing;
  const bool plain =
      database.route == config::RoutePolicy::kPrimary && statement.hint != sql::RouteHint::kReplica;
  if (plain || !routing::splits(database.route) || cluster.servers.size() < 2 ||
      !config.clusters.contains(cluster.name))
    return by_policy(cluster, database.route);
  return split(cluster, config, database, statement, looked);
}

// The name that the reason is about, and if it is one of the database's own, what is behind it.
std::string object_of(const sql::Statement& statement, std::string_view sql,
                      const sql::AccessRules* rules) {
  std::string name(statement.object_in(sql));
  if (statement.reason != sql::AccessReason::kOwnObject || rules == nullptr) return name;
  const sql::OwnObjects& objects = *rules->objects();
  const sql::OwnVerdict* verdict = objects.name(name);
  if (verdict == nullptr) verdict = objects.function(name);
  if (verdict == nullptr) verdict = objects.operation(name);
  if (verdict == nullptr) verdict = objects.anything();
  if (verdict == nullptr) return name;
  return name.empty() ? verdict->because : name + " (" + verdict->because + ")";
}

struct Rules {
  std::shared_ptr<const sql::AccessRules> rules;
  bool looked = false;
};

Rules rules_for(const worker::Picture& picture, const std::string& name,
                const config::DatabaseSettings& database) {
  const config::Routing& routing = picture.config->routing;
  const auto known =
      picture.catalogues.find({database.cluster, database.dbname.empty() ? name : database.dbname});
  if (known != picture.catalogues.end()) return {known->second.rules, known->second.is_current()};
  return {routing::access_rules(routing), routing.catalogue_interval_us == 0};
}

admin::Row row_of(const worker::Picture& picture, const std::string& name,
                  const config::DatabaseSettings& database, std::string_view sql) {
  const auto text_or_null = [](std::string_view text) {
    return text.empty() ? admin::Cell{} : admin::cell(text);
  };
  const Rules by = rules_for(picture, name, database);
  const sql::Statement statement = sql::read_statement(sql, sql::Dialect{}, by.rules.get());
  const Destination to = destination_of(picture, database, statement, by.looked);
  return {admin::cell(name),
          admin::cell(sql::text_of(statement.access)),
          text_or_null(sql::text_of(statement.reason)),
          text_or_null(sql::text_of(statement.hint)),
          admin::cell(to.route),
          admin::cell(to.reason),
          text_or_null(to.server),
          text_or_null(object_of(statement, sql, by.rules.get()))};
}

}  // namespace

std::vector<admin::Row> explain_route(const worker::Picture& picture,
                                      const admin::ExplainRoute& command) {
  const config::Config& config = *picture.config;
  std::vector<admin::Row> rows;
  if (!command.database.empty()) {
    if (const auto* database = config::find_database(config, command.database))
      rows.push_back(row_of(picture, command.database, *database, command.sql));
    return rows;
  }
  for (const auto& [name, database] : config.databases)
    rows.push_back(row_of(picture, name, database, command.sql));
  return rows;
}

}  // namespace pgsaba::control
