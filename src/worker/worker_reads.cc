// The part of Worker that sends reads to standbys.
#include <algorithm>

#include "pgsaba/routing/read_wish.h"
#include "pgsaba/worker/worker.h"
#include "worker/cluster_reads.h"

namespace pgsaba::worker {

using session::ClientSession;

namespace {

// How often a read that waits looks whether it has waited long enough.
constexpr Micros kParkedTickUs = kMillisecond;
// A new process looks into a catalogue within moments, if it can at all.
constexpr Micros kFirstLookUs = 2 * kSecond;

}  // namespace

Worker::ClusterReads& Worker::reads_of(const std::string& cluster) {
  auto& place = reads_[cluster];
  if (!place) {
    place = std::make_unique<ClusterReads>();
    place->clock = process_.causal_clocks.cluster(cluster);
  }
  return *place;
}

// After each new picture: which standbys are fit.
void Worker::refresh_reads() {
  const config::Config& config = *picture_->config;
  for (const auto& [name, reads] : reads_) {
    const auto cluster = config.clusters.find(name);
    const routing::TopologyCluster* seen = picture_->topology->find(name);
    if (cluster == config.clusters.end() || seen == nullptr) continue;
    std::vector<std::int32_t> weights;
    for (const config::ServerAddress& server : cluster->second.servers)
      weights.push_back(server.weight);
    reads->balance.update(*seen, weights, config.routing.max_lag_us, turn_.now);
  }
}

void Worker::refresh_reads(session::Account& account, const config::DatabaseSettings& database) {
  const config::Config& config = *picture_->config;
  const auto cluster = config.clusters.find(database.cluster);
  session::ReadRules rules;
  rules.cluster = database.cluster;
  rules.dbname = database.dbname.empty() ? account.database : database.dbname;
  if (config.routing.catalogue_interval_us > 0)
    rules.definitions = process_.definitions.of({rules.cluster, rules.dbname});
  if (cluster != config.clusters.end() && cluster->second.servers.size() > 1) {
    ClusterReads& reads = reads_of(database.cluster);
    const config::ReadYourWrites level = config.routing.read_your_writes;
    rules.route = config::route_of(config, database, account.user);
    if (rules.route == config::RoutePolicy::kPreferPrimary) reads.in_need = true;
    if (routing::splits(rules.route) && !picture_->shared) {
      rules.balance = &reads.balance;
      rules.counts = &lease_counts_[account.database];
    }
    if (level != config::ReadYourWrites::kOff) rules.clock = reads.clock;
    if (level == config::ReadYourWrites::kDatabase)
      rules.database = process_.causal_clocks.database(rules.cluster, rules.dbname);
    rules.causal_wait_us = config.routing.causal_wait_us;
    rules.spill = process_.causal_clocks.spill(database.cluster);
    rules.max_spill = config.routing.max_spilled_reads;
    rules.judged = true;
  }
  const bool first = rules.balance != nullptr && account.reads.balance == nullptr;
  const Micros first_look_until = account.reads.first_look_until;
  account.reads = std::move(rules);
  account.reads.first_look_until = first_look_until;
  refresh_rules(account);
  // What its functions may set is known before somebody calls one, and what its views are before
  // somebody reads them.
  const bool asks = account.limits.unknown_code == config::UnknownCode::kProbe;
  const bool needed = account.reads.balance != nullptr || asks;
  if (needed && account.pools_transactions() && !account.reads.covered) {
    if (first_look_until == 0 && account.reads.definitions)
      account.reads.first_look_until = turn_.now + kFirstLookUs;
    want_catalogue(account);
  }
  if (first) refresh_reads();
}

// By what statements are judged: the administrator's lists, and what the database has of its own.
void Worker::refresh_rules(session::Account& account) {
  session::ReadRules& reads = account.reads;
  const auto catalogue = picture_->catalogues.find({reads.cluster, reads.dbname});
  const bool known = reads.definitions && catalogue != picture_->catalogues.end();
  account.rules = known && reads.judged ? catalogue->second.rules : access_rules_;
  reads.covered = known ? std::optional(catalogue->second.covers) : std::nullopt;
  reads.reads_sequences = known && catalogue->second.reads_sequences;
}

void Worker::want_catalogue(session::Account& account) {
  const session::ReadRules& reads = account.reads;
  if (process_.control == nullptr || !reads.definitions) return;
  reads.definitions->use();
  if (reads.definitions->want()) process_.control->catalogue_wanted({reads.cluster, reads.dbname});
}

session::ReadRoute Worker::route_read(session::Account& account, const routing::ReadNeeds& needs) {
  wire::ErrorFields why;
  // Makes the account's pools those of this picture.
  if (route(account, why) == nullptr && account.pool == nullptr) return {};
  session::ReadRules& rules = account.reads;
  const auto server = rules.balance->pick(rules.clock.get(), needs);
  if (!server) {
    if (!rules.clock || !rules.balance->any_fit()) return {};
    if (rules.clock->want(rules.balance->least_need(*rules.clock, needs)))
      process_.control->positions_wanted(rules.cluster);
    const bool behind = rules.clock->catch_up_us() > rules.causal_wait_us;
    return {.may_wait = !behind, .behind = behind};
  }
  reads_of(rules.cluster).read = true;
  if (rules.definitions) rules.definitions->use();
  if (rules.pools.size() <= *server) rules.pools.resize(*server + 1);
  pool::Pool*& pool = rules.pools[*server];
  if (pool == nullptr) {
    const config::DatabaseSettings* database =
        config::find_database(*picture_->config, account.database);
    if (database == nullptr) return {};
    pool = pool_for({account.database, database->user.empty() ? account.user : database->user,
                     static_cast<std::uint32_t>(*server)});
  }
  return {.pool = pool};
}

// A session stays with the standby that it has read from until another one is known to show as
// much: while there are reads, that is found out now and then.
void Worker::look_again() {
  for (const auto& [name, reads] : reads_) {
    reads->balance.tick(turn_.now);
    if ((std::exchange(reads->read, false) || reads->in_need) &&
        reads->clock->want(reads->clock->now()))
      process_.control->positions_wanted(name);
  }
}

// It may have forgotten what it had replayed.
void Worker::server_vanished(const pool::Pool& pool) {
  const config::DatabaseSettings* database =
      config::find_database(*picture_->config, pool.key().database);
  if (database == nullptr) return;
  doubted_.insert(database->cluster);
  if (pool.key().server >= routing::CausalClock::kMaxServers) return;
  const auto reads = reads_.find(database->cluster);
  if (reads != reads_.end()) reads->second->clock->forget(pool.key().server);
}

// ---- reads that wait ---------------------------------------------------------------------------

void Worker::wait_for_standby(ClientSession& session) {
  if (parked_.empty()) next_wake_ = turn_.now + kParkedTickUs;
  parked_.push_back(session.id());
  session.account()->reads.clock->set_waiting(index_, true);
}

void Worker::wait_for_spill(ClientSession& session) { spilling_.push_back(session.id()); }

// Not at once: whoever ends its read is in the middle of it.
void Worker::spill_ended() { wake_spilling_ = std::min(wake_spilling_ + 1, spilling_.size()); }

// First come, first served.
void Worker::wake_spilling(std::size_t count) {
  wake_spilling_ = 0;
  for (count = std::min(count, spilling_.size()); count > 0; --count) {
    const std::uint32_t id = spilling_.front();
    spilling_.pop_front();
    if (ClientSession* client = find_client(id)) client->unpark();
  }
}

// Those that still have to wait come back.
void Worker::wake_parked() {
  next_wake_ = turn_.now + kParkedTickUs;
  for (const auto& [name, reads] : reads_) reads->clock->set_waiting(index_, false);
  for (const std::uint32_t id : std::exchange(parked_, {}))
    if (ClientSession* client = find_client(id)) client->unpark();
}

}  // namespace pgsaba::worker
