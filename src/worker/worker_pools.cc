// The part of Worker that keeps pools and their servers in step with the picture of the world.
#include <algorithm>
#include <set>

#include "pgsaba/base/log.h"
#include "pgsaba/routing/router.h"
#include "pgsaba/worker/worker.h"
#include "worker/errors.h"
#include "worker/found_secrets.h"
#include "worker/socket_options.h"

namespace pgsaba::worker {

using session::ClientSession;

namespace {

// Where the database forces another user upon servers, what is said of clients is still said of who
// has logged in.
config::PoolSettings limits_of(const config::Config& config,
                               const config::DatabaseSettings& database, const std::string& user) {
  const config::PoolSettings own =
      config::pool_settings(config, database, config::find_user(config, user));
  if (database.user.empty()) return own;
  config::PoolSettings limits =
      config::pool_settings(config, database, config::find_user(config, database.user));
  limits.max_user_client_connections = own.max_user_client_connections;
  limits.client_idle_us = own.client_idle_us;
  limits.query_us = own.query_us;
  limits.idle_transaction_us = own.idle_transaction_us;
  limits.transaction_us = own.transaction_us;
  return limits;
}

}  // namespace

// ---- routes ------------------------------------------------------------------------------------

void Worker::refresh_account(session::Account& account) {
  const config::Config& config = *picture_->config;
  const config::DatabaseSettings* database = config::find_database(config, account.database);
  if (database == nullptr) return;
  account.limits = limits_of(config, *database, account.user);
  account.max_prepared_statements = static_cast<std::size_t>(config.pool.max_prepared_statements);
  account.application_name = database->application_name;
  account.asks_fate = config.routing.xact_status;
  account.pin_counts = &pin_counts_[account.database];
  refresh_reads(account, *database);
  const Micros idle = account.limits.client_idle_us;
  if (idle > 0)
    shortest_idle_us_ = shortest_idle_us_ == 0 ? idle : std::min(idle, shortest_idle_us_);
}

void Worker::refresh_accounts() {
  shortest_idle_us_ = 0;
  for (const auto& [key, account] : accounts_) refresh_account(*account);
}

routing::Route Worker::server_for(const config::DatabaseSettings& database,
                                  const std::string& user) const {
  const routing::TopologyCluster* cluster = picture_->topology->find(database.cluster);
  if (cluster == nullptr) return {std::nullopt, routing::RouteReason::kNoServers};
  const config::RoutePolicy policy = config::route_of(*picture_->config, database, user);
  routing::Route route = routing::Router::choose(*cluster, policy, index_);
  // When no server has told its role in time, the first one is taken at its word.
  if (!route.server && route.reason == routing::RouteReason::kPrimaryUnknown && !cluster->asking)
    route.server = 0;
  return route;
}

pool::Pool* Worker::route(session::Account& account, wire::ErrorFields& why) {
  if (account.pool != nullptr && account.route_generation == picture_->generation)
    return account.pool;
  const config::DatabaseSettings* database =
      config::find_database(*picture_->config, account.database);
  if (database == nullptr) {
    why = errors::no_such_database(account.database);
    return nullptr;
  }
  const routing::Route route = server_for(*database, account.user);
  if (!route.server) {
    why = errors::no_route(database->cluster, routing::text_of(route.reason));
    note_unrouted(account, true);
    return nullptr;
  }
  const pool::PoolKey key{account.database, database->user.empty() ? account.user : database->user,
                          static_cast<std::uint32_t>(*route.server)};
  pool::Pool* pool = pool_for(key);
  if (pool == nullptr) {
    why = errors::unresolved(
        picture_->config->clusters.find(database->cluster)->second.servers[key.server].host);
    note_unrouted(account, picture_->looking_up.contains({database->cluster, key.server}));
    return nullptr;
  }
  account.unrouted_since = 0;
  if (pool != account.pool && account.clients > 0) {
    if (account.pool != nullptr) account.pool->client_left();
    pool->client_joined();
  }
  account.pool = pool;
  account.reads.pools.clear();
  account.route_generation = picture_->generation;
  return pool;
}

// ---- pools -------------------------------------------------------------------------------------

pool::Pool* Worker::find_pool(const pool::PoolKey& key) {
  const auto found = pools_.find(key);
  return found == pools_.end() ? nullptr : found->second.get();
}

// Null also where a pool leads to a place that is not the server's any more.
pool::Pool* Worker::pool_for(const pool::PoolKey& key) {
  if (addresses_of(key) == nullptr) return nullptr;
  if (pool::Pool* pool = find_pool(key)) return pool;
  auto target = target_of(key);
  if (!target) return nullptr;
  auto pool = std::make_unique<pool::Pool>(*this, key, std::move(target), policy_of(key),
                                           process_.slots.pool(key));
  pool->pause(picture_->is_paused(key.database));
  return pools_.emplace(key, std::move(pool)).first->second.get();
}

// Null if the database is gone or the server's name could not be looked up.
const std::vector<net::Address>* Worker::addresses_of(const pool::PoolKey& key) const {
  const config::DatabaseSettings* database = config::find_database(*picture_->config, key.database);
  if (database == nullptr) return nullptr;
  const auto addresses = picture_->addresses.find(database->cluster);
  const bool known = addresses != picture_->addresses.end() &&
                     key.server < addresses->second.size() &&
                     !addresses->second[key.server].empty();
  return known ? &addresses->second[key.server] : nullptr;
}

// Null where there are no addresses.
std::shared_ptr<const server::ServerTarget> Worker::target_of(const pool::PoolKey& key) const {
  const config::Config& config = *picture_->config;
  const config::DatabaseSettings* database = config::find_database(config, key.database);
  const std::vector<net::Address>* addresses = addresses_of(key);
  if (database == nullptr || addresses == nullptr) return nullptr;
  const auto cluster = config.clusters.find(database->cluster);
  if (cluster == config.clusters.end()) return nullptr;
  server::ServerTarget target;
  target.name = cluster->second.servers[key.server].name;
  target.addresses = *addresses;
  target.database = database->dbname.empty() ? key.database : database->dbname;
  target.user = key.user;
  const config::ServerTls& wanted = cluster->second.tls;
  const auto tls = picture_->server_tls.find(database->cluster);
  target.tls = {tls == picture_->server_tls.end() ? nullptr : tls->second,
                wanted.settings.mode >= config::TlsMode::kRequire,
                cluster->second.servers[key.server].host, wanted.channel_binding,
                config.auth.plain_passwords == config::PlainPasswords::kAlways};
  if (!database->password.empty()) {
    if (auto secret = auth::parse_secret(database->password)) target.secret = std::move(*secret);
  } else if (const auth::Secret* secret = picture_->users->find(key.user)) {
    target.secret = *secret;
  } else if (const auth::Secret* found = found_secrets_->find({key.database, key.user})) {
    target.secret = *found;
  }
  return std::make_shared<const server::ServerTarget>(std::move(target));
}

// All clients of the database come to servers as somebody else by now.
static bool is_of_former_user(const config::DatabaseSettings& database, const pool::PoolKey& key) {
  return !database.user.empty() && database.user != key.user;
}

pool::PoolPolicy Worker::policy_of(const pool::PoolKey& key) const {
  const config::Config& config = *picture_->config;
  const config::DatabaseSettings* database = config::find_database(config, key.database);
  pool::PoolPolicy policy;
  if (database == nullptr) return policy;
  policy.settings = config::pool_settings(config, *database, config::find_user(config, key.user));
  if (is_disabled(*picture_, key) || is_of_former_user(*database, key))
    policy.settings.min_pool_size = 0;
  policy.server_idle_us = config.timeouts.server_idle_us;
  if (moving_out_) {  // the other process needs them
    constexpr Micros kIdleUs = kSecond;
    policy.settings.min_pool_size = 0;
    policy.server_idle_us = kIdleUs;
  }
  policy.server_connect_us = config.timeouts.server_connect_us;
  policy.server_login_retry_us = config.timeouts.server_login_retry_us;
  policy.reserve_pool_us = config.timeouts.reserve_pool_us;
  policy.failover_wait_us = config.timeouts.failover_wait_us;
  policy.max_prepared_statements = static_cast<std::size_t>(config.pool.max_prepared_statements);
  policy.max_opening = static_cast<std::size_t>(config.pool.max_opening_servers);
  policy.round_robin = config.pool.server_round_robin;
  policy.forced_user = !database->user.empty();
  policy.reset_query = config.pool.server_reset_query;
  policy.socket = socket_options(config.tcp);
  return policy;
}

// A database with a user of its own keeps its floor before anybody has come; one worker sees to it.
void Worker::find_floors() {
  floors_.clear();
  if (index_ != 0) return;
  for (const auto& [name, database] : picture_->config->databases) {
    if (name == "*" || database.user.empty()) continue;
    const config::UserSettings* user = config::find_user(*picture_->config, database.user);
    if (config::pool_settings(*picture_->config, database, user).min_pool_size > 0)
      floors_.push_back(name);
  }
}

void Worker::keep_floors() {
  for (const std::string& name : floors_) {
    const config::DatabaseSettings* database = config::find_database(*picture_->config, name);
    const routing::Route route = server_for(*database, database->user);
    if (!route.server) continue;
    pool::Pool* pool = pool_for({name, database->user, static_cast<std::uint32_t>(*route.server)});
    if (pool != nullptr) needs_match(*pool);
  }
}

// After a new picture: pools whose database is gone lose their clients, others get new settings.
void Worker::reconfigure_pools() {
  for (const auto& [key, pool] : pools_) {
    const bool gone = config::find_database(*picture_->config, key.database) == nullptr;
    if (gone) {
      pool->reconnect(server::CloseReason::kReconnect);
      continue;
    }
    if (is_of_former_user(*config::find_database(*picture_->config, key.database), key))
      pool->reconnect(server::CloseReason::kReconnect);
    if (auto target = target_of(key)) pool->reconfigure(std::move(target), policy_of(key));
    const bool paused = picture_->is_paused(key.database);
    if (paused != pool->paused()) pool->pause(paused);
  }
  end_strays();
}

// Clients of databases that there are no longer; what runs may end before they go.
void Worker::end_strays() {
  has_strays_ = false;
  std::vector<ClientSession*> strays;
  for (const auto& [id, client] : clients_) {
    const bool stray = client->account() != nullptr &&
                       config::find_database(*picture_->config, client->database()) == nullptr;
    if (!stray) continue;
    if (client->runs()) {
      has_strays_ = true;
    } else {
      strays.push_back(client.get());
    }
  }
  for (ClientSession* stray : strays)
    stray->end(session::EndReason::kAdmin, errors::database_removed(stray->database()));
}

// ---- clients that wait ------------------------------------------------------------------------

// Nothing else would tell of them before query_wait is over.
void Worker::tell_of_waiting(pool::Pool& pool) {
  constexpr Micros kLongUs = 5 * kSecond;
  constexpr Micros kAgainUs = 60 * kSecond;
  const pool::PoolKey& key = pool.key();
  const Micros waited = pool.paused() ? 0 : pool.longest_wait(turn_.now);
  if (waited < kLongUs) {
    if (std::exchange(pool.waiting_told_at, 0) != 0)
      log::info("pool {}/{}: clients wait no longer for a server", key.database, key.user);
    return;
  }
  if (pool.waiting_told_at != 0 && turn_.now - pool.waiting_told_at < kAgainUs) return;
  pool.waiting_told_at = turn_.now;
  log::warning(
      "pool {}/{}: {} clients wait for a server, the first for {} s; {} are in use here; SHOW "
      "WAITS tells who holds them",
      key.database, key.user, pool.waiters().size() + pool.pin_waiters().size(), waited / kSecond,
      pool.servers_at(pool::Pool::Place::kLent).size());
}

void Worker::needs_match(pool::Pool& pool) {
  if (!std::exchange(pool.watched, true)) watched_.push_back(&pool);
  if (std::exchange(pool.match_pending, true)) return;
  to_match_.push_back(&pool);
}

void Worker::short_of_servers(pool::Pool& pool, pool::SlotRefusal refusal) {
  if (!std::exchange(pool.starves, true)) starving_.push_back(&pool);
  for (std::size_t i = 0; i < process_.mailboxes.size(); ++i) {
    if (i == index_) continue;
    if (refusal != pool::SlotRefusal::kPool) {
      process_.mailboxes[i]->post(EvictIdle{pool.key(), refusal});
    } else if (pool.twin_has_idle(i)) {
      process_.mailboxes[i]->post(WantServer{pool.key()});
    }
  }
  if (refusal == pool::SlotRefusal::kPool) return;
  EvictIdle own{pool.key(), refusal};
  on_mail(own);
}

void Worker::short_of_slots(pool::Pool& pool, pool::SlotRefusal refusal) {
  for (std::size_t i = 0; i < process_.mailboxes.size(); ++i)
    if (i != index_ && (refusal != pool::SlotRefusal::kPool || pool.twin_has_idle(i)))
      process_.mailboxes[i]->post(EvictIdle{pool.key(), refusal});
  EvictIdle own{pool.key(), refusal};
  on_mail(own);
}

// PostgreSQL itself waits this long for others to be gone; so may clients that are about to leave.
static constexpr Micros kLeavingUs = 5 * kSecond;

void Worker::leave_databases() {
  for (std::size_t i = 0; i < process_.mailboxes.size(); ++i) post(i, LeaveDatabases{});
}

void Worker::on_mail(LeaveDatabases&) {
  leaves_databases_until_ = turn_.now + kLeavingUs;
  close_unused_servers();
}

void Worker::close_unused_servers() {
  std::set<std::string_view> used;
  for (const auto& [key, account] : accounts_)
    if (account->clients > 0) used.insert(account->database);
  for (const auto& [key, pool] : pools_)
    while (!used.contains(key.database) && pool->evict_idle()) {
    }
}

void Worker::send_server(pool::Pool& pool, std::size_t worker,
                         std::unique_ptr<server::ServerConnection> server) {
  const net::Socket socket = server->give_away();
  process_.mailboxes[worker]->post(ServerArrives{pool.key(), std::move(server), socket});
}

void Worker::log_server(const server::ServerConnection& server, std::string_view event) {
  log::info("S-{} {}/{}@{} {}", server.id(), server.target().database, server.target().user,
            server.address().to_string(), event);
}

}  // namespace pgsaba::worker
