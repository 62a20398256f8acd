// The part of Worker that acts upon what the monitor finds out about servers, and keeps the clients
// that no server serves.
#include <algorithm>
#include <utility>

#include "pgsaba/routing/server_news.h"
#include "pgsaba/worker/worker.h"

namespace pgsaba::worker {

using session::ClientSession;

namespace {

void tell(pool::Pool& pool, routing::ServerNews news) {
  switch (news) {
    case routing::ServerNews::kDeposed:
      return pool.cut_off(server::CloseReason::kDeposed);
    case routing::ServerNews::kSilent:
      return pool.cut_off(server::CloseReason::kSilent);
    case routing::ServerNews::kPromoted:
      pool.reconnect(server::CloseReason::kReconnect);
      return pool.retry_now();
    case routing::ServerNews::kBack:
      return pool.retry_now();
    case routing::ServerNews::kNone:
      return;
  }
}

}  // namespace

bool is_disabled(const Picture& picture, const pool::PoolKey& key) {
  if (picture.disabled_servers.empty()) return false;
  const auto* database = config::find_database(*picture.config, key.database);
  if (database == nullptr) return false;
  const auto& servers = picture.config->clusters.find(database->cluster)->second.servers;
  return key.server < servers.size() &&
         picture.disabled_servers.contains({database->cluster, servers[key.server].name});
}

bool Worker::leads_to_primary(const pool::Pool& pool) const {
  const config::DatabaseSettings* database =
      config::find_database(*picture_->config, pool.key().database);
  const routing::TopologyCluster* cluster =
      database == nullptr ? nullptr : picture_->topology->find(database->cluster);
  // A server alone serves whatever it is.
  return cluster != nullptr && cluster->servers.size() > 1 &&
         cluster->primary == std::size_t{pool.key().server};
}

// At most once per tick: a server that dies takes many connections with it.
void Worker::ask_for_roles() {
  for (const std::string& cluster : std::exchange(doubted_, {}))
    if (process_.control != nullptr) process_.control->roles_doubted(cluster);
}

void Worker::take_news(const routing::Topology& before) {
  std::map<std::string, std::vector<routing::ServerNews>> news;
  for (const routing::TopologyCluster& now : picture_->topology->clusters) {
    const routing::TopologyCluster* was = before.find(now.name);
    if (was == nullptr) continue;
    auto found = routing::news_of_servers(*was, now);
    const bool any = std::ranges::any_of(
        found, [](routing::ServerNews one) { return one != routing::ServerNews::kNone; });
    if (any) news.emplace(now.name, std::move(found));
  }
  if (news.empty()) return;
  for (const auto& [key, pool] : pools_) {
    const auto* database = config::find_database(*picture_->config, key.database);
    const auto of_cluster = database == nullptr ? news.end() : news.find(database->cluster);
    if (of_cluster != news.end() && key.server < of_cluster->second.size())
      tell(*pool, of_cluster->second[key.server]);
  }
}

// What runs on a server that was disabled may end; then the connection goes.
void Worker::leave_disabled(const Picture& before) {
  for (const auto& [key, pool] : pools_)
    if (is_disabled(*picture_, key) && !is_disabled(before, key))
      pool->reconnect(server::CloseReason::kReconnect);
}

// ---- commits in doubt ---------------------------------------------------------------------------

void Worker::seek_fate(ClientSession& session, const routing::CommitMark& mark,
                       std::uint32_t server) {
  const config::DatabaseSettings* database =
      config::find_database(*picture_->config, session.database());
  const routing::TopologyCluster* cluster =
      database == nullptr ? nullptr : picture_->topology->find(database->cluster);
  if (process_.control == nullptr || cluster == nullptr)
    return mailbox_.post(FateKnown{session.id(), mark.xid, routing::Fate::kUnknown});
  process_.control->fate_wanted(
      {index_, session.id(), database->cluster, cluster->number, server, mark});
}

// ---- clients without a route --------------------------------------------------------------------

// Whether a server may serve it soon.
void Worker::note_unrouted(session::Account& account, bool soon) const {
  if (!soon) account.unrouted_since = 0;
  if (soon && account.unrouted_since == 0) account.unrouted_since = turn_.now;
}

bool Worker::wait_for_route(ClientSession& session, Micros since) {
  const session::Account& account = *session.account();
  if (account.unrouted_since == 0) return false;
  const auto over = [this](Micros from, Micros limit) {
    return limit > 0 && turn_.now - from >= limit;
  };
  if (over(account.unrouted_since, picture_->config->timeouts.failover_wait_us)) return false;
  if (over(since, account.limits.query_wait_us)) return false;
  unrouted_.push_back(session.id());
  return true;
}

// Those that still have to wait come back.
void Worker::wake_unrouted() {
  for (const std::uint32_t id : std::exchange(unrouted_, {}))
    if (ClientSession* client = find_client(id)) client->unpark();
}

// How long an account has been without a server must not be counted on while it has one.
void Worker::follow_routes() {
  wire::ErrorFields why;
  for (const auto& [key, account] : accounts_)
    if (account->unrouted_since != 0) route(*account, why);
  wake_unrouted();
}

}  // namespace pgsaba::worker
