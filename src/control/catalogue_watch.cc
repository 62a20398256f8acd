#include "control/catalogue_watch.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "control/catalogue_question.h"
#include "pgsaba/base/log.h"
#include "pgsaba/routing/access_lists.h"

namespace pgsaba::control {
namespace {

constexpr Micros kTickUs = kSecond;
// Whatever is defined there, looks take a server no more than a fifth of its time, and come after a
// while all the same.
constexpr Micros kLeastPauseUs = 20 * kMillisecond;
constexpr Micros kMostPauseUs = 2 * kSecond;
constexpr Micros kPausePerLook = 4;
constexpr Micros kFirstFailurePauseUs = 100 * kMillisecond;
constexpr int kMostDoublings = 9;  // of that: some 51 s
constexpr Micros kLimitUs = 30 * kSecond;
constexpr std::size_t kMostLooks = 4;  // at the same time

Micros pause_after(int failures, Micros took) {
  if (failures == 0) return std::clamp(took * kPausePerLook, kLeastPauseUs, kMostPauseUs);
  return kFirstFailurePauseUs << std::min(failures - 1, kMostDoublings);
}

}  // namespace

CatalogueWatch::CatalogueWatch(net::ControlLoop& loop, const AddressBook& addresses,
                               routing::DefinitionsBook& book, server::CustomNames& names,
                               std::function<void()> changed)
    : loop_(loop), addresses_(addresses), book_(book), names_(names), changed_(std::move(changed)) {
  ticking_ = loop_.every(kTickUs, [this] { tick(); });
}

// What was found stays; the administrator's lists may judge it otherwise now.
void CatalogueWatch::configure(std::shared_ptr<const config::Config> config) {
  const bool trusted = config_ && config_->routing.trust_declarations;
  config_ = std::move(config);
  question_ = catalogue_question(config_->routing.trust_declarations);
  for (auto& [name, database] : databases_) {
    if (trusted != config_->routing.trust_declarations) {
      catalogues_.erase(name);
      database.looked_at = 0;
      database.wanted = true;
    } else if (database.looked_at != 0) {
      catalogues_[name].rules = judge(database);
    }
  }
  serve();
}

void CatalogueWatch::follow(const routing::Topology& topology) {
  for (const routing::TopologyCluster& cluster : topology.clusters) {
    if (!cluster.primary) continue;
    const routing::TopologyServer& server = cluster.servers[*cluster.primary];
    const Primary now{.name = server.name,
                      .number = server.number,
                      .started_at_us = server.started_at_us,
                      .answers = server.reachable,
                      .silent = server.silent};
    const Primary before = std::exchange(primaries_[cluster.name], now);
    for (auto& [name, database] : databases_)
      if (name.cluster == cluster.name) follow(name, database, before, now);
  }
  serve();
}

// A new primary may lack what was defined last on the old one; so may one that has crashed.
void CatalogueWatch::follow(const routing::DatabaseName& name, Database& database,
                            const Primary& before, const Primary& now) {
  if (!now.is(before)) {
    database.definitions->changed();
    database.wanted = true;
  }
  if (!now.is(before) || (now.answers && !before.answers)) database.failures = 0;
  if (database.link && (!now.is(before) || now.silent)) {
    log::info("cluster {}: the look into the catalogue of database {} ends with its server",
              name.cluster, name.dbname);
    give_up_look(database);
  }
}

void CatalogueWatch::give_up_look(Database& database) {
  database.link.reset();
  database.definitions->end_look();
  database.ended_at = monotonic_now();
  database.wanted = true;
  --looking_;
}

void CatalogueWatch::want(const routing::DatabaseName& name) {
  Database& database = databases_[name];
  if (!database.definitions) database.definitions = book_.of(name);
  database.wanted = true;
  serve();
}

void CatalogueWatch::tick() {
  const Micros interval = config_->routing.catalogue_interval_us;
  const Micros now = monotonic_now();
  bool changed = false;
  for (auto at = databases_.begin(); at != databases_.end();) {
    auto& [name, database] = *at;
    const bool fails = database.failures > 0;
    const bool old = now - (fails ? database.failing_since : database.looked_at) >= interval;
    if (!old || database.link) {
      ++at;
    } else if (database.definitions->take_used() || (database.wanted && !fails)) {
      database.wanted = true;
      if (fails) database.failing_since = now;
      ++at;
    } else {      // its next read asks for a look
      if (fails)  // it may have been dropped
        log::info("cluster {}: nobody reads in database {}, whose catalogue cannot be read",
                  name.cluster, name.dbname);
      database.definitions->drop_want();
      changed = catalogues_.erase(name) > 0 || changed;
      at = databases_.erase(at);
    }
  }
  if (changed) changed_();
  serve();
}

// Begins the looks that are due; comes again when others are.
void CatalogueWatch::serve() {
  const Micros now = monotonic_now();
  Micros next = 0;
  for (auto& [name, database] : databases_) {
    if (!database.wanted || database.link || looking_ >= kMostLooks) continue;
    const Micros due = database.ended_at == 0
                           ? 0
                           : database.ended_at + pause_after(database.failures,
                                                             database.ended_at - database.began_at);
    if (due <= now) {
      look(name, database);
    } else if (next == 0 || due < next) {
      next = due;
    }
  }
  soon_ = next == 0 ? net::Watch() : loop_.after(next - now, [this] { serve(); });
}

// Null: there is none, or it does not answer now.
const config::ServerAddress* CatalogueWatch::server_to_ask(const std::string& cluster) const {
  const auto settings = config_->clusters.find(cluster);
  const auto primary = primaries_.find(cluster);
  if (settings == config_->clusters.end() || primary == primaries_.end()) return nullptr;
  const auto& servers = settings->second.servers;
  const auto server =
      std::ranges::find(servers, primary->second.name, &config::ServerAddress::name);
  return server == servers.end() || !primary->second.answers ? nullptr : &*server;
}

void CatalogueWatch::look(const routing::DatabaseName& name, Database& database) {
  const config::ServerAddress* primary = server_to_ask(name.cluster);
  if (primary == nullptr) return;
  const config::ServerAddress& server = *primary;
  const config::Cluster& cluster = config_->clusters.at(name.cluster);
  const config::Monitor& monitor = cluster.monitor;
  const bool own_user = !monitor.catalogue_user.empty();
  database.link = std::make_unique<ServerLink>(
      loop_,
      MonitorTarget{.name = server.name,
                    .host = server.host,
                    .port = server.port,
                    .user = own_user ? monitor.catalogue_user : monitor.user,
                    .password = own_user ? monitor.catalogue_password : monitor.password,
                    .database = name.dbname,
                    .tls = cluster.tls,
                    .addresses = addresses_.find(server.host, server.port)},
      "pgsaba catalogue", [](const ServerLink::Answer&) {});
  database.wanted = false;
  database.began_at = monotonic_now();
  ++looking_;
  // What is defined from here on may be missed.
  database.link->ask(
      question_, kLimitUs,
      [this, name, covers = database.definitions->begin_look()](const ServerLink::Answer& answer) {
        on_answer(name, covers, answer);
      },
      ServerLink::Shape::kTable);
}

void CatalogueWatch::on_answer(const routing::DatabaseName& name, std::uint64_t covers,
                               const ServerLink::Answer& answer) {
  Database& database = databases_.at(name);
  over_.push_back(std::move(database.link));
  sweeping_ = loop_.after(0, [this] { over_.clear(); });
  database.ended_at = monotonic_now();
  --looking_;
  database.definitions->end_look();
  if (answer.ok()) {
    database.found = objects_in(answer.row);
    database.covers = covers;
    database.complaint.clear();
    database.failures = 0;
    note_names(name, answer.row);
    database.reads_sequences = mentions_sequence_reads(answer.row);
    note(name, database);
  } else {
    database.wanted = true;
    if (database.failures++ == 0) database.failing_since = database.ended_at;
    complain(name, database, answer.error);
  }
  serve();
}

// Before the workers hear that somebody has looked.
void CatalogueWatch::note_names(const routing::DatabaseName& name,
                                const std::vector<std::string>& fields) {
  if (names_.found(name.cluster + '/' + name.dbname, custom_names_in(fields)) ||
      std::exchange(told_of_names_, true))
    return;
  log::warning(
      "cluster {}: the functions, views and policies of {} and other databases mention more than "
      "{} custom parameters; what functions set of the others is not kept for their clients",
      name.cluster, name.dbname, server::CustomNames::kMost);
}

void CatalogueWatch::note(const routing::DatabaseName& name, Database& database) {
  const bool first = database.looked_at == 0;
  database.looked_at = database.ended_at;
  routing::Catalogue& known = catalogues_[name];
  auto rules = judge(database);
  if (first && !rules->objects()->unknown_built_in().empty())
    log::warning(
        "cluster {}: its server has volatile functions that are not known here, and run "
        "on the primary: {}",
        name.cluster, fmt::join(rules->objects()->unknown_built_in(), ", "));
  // The same rules stay the same, so that nobody judges anew.
  if (!known.rules || known.rules->fingerprint() != rules->fingerprint())
    known.rules = std::move(rules);
  known.covers = database.covers;
  known.reads_sequences = database.reads_sequences;
  known.definitions = database.definitions;
  changed_();
}

void CatalogueWatch::complain(const routing::DatabaseName& name, Database& database,
                              const std::string& error) {
  if (database.complaint == error) return;
  database.complaint = error;
  log::warning(
      "cluster {}: the catalogue of database {} cannot be read, so that reads run on the "
      "primary, and custom parameters that functions set may not be kept: {}",
      name.cluster, name.dbname, error);
}

std::shared_ptr<const sql::AccessRules> CatalogueWatch::judge(const Database& database) const {
  const sql::AccessRules lists(routing::access_lists(config_->routing));
  auto objects = std::make_shared<const sql::OwnObjects>(database.found, lists);
  return std::make_shared<const sql::AccessRules>(routing::access_lists(config_->routing),
                                                  std::move(objects));
}

}  // namespace pgsaba::control
