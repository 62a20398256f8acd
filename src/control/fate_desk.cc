#include "control/fate_desk.h"

#include <charconv>
#include <string_view>
#include <utility>

#include "control/monitor_target.h"

namespace pgsaba::control {
namespace {

using routing::Fate;

constexpr Micros kLimitUs = 2 * kSecond;
constexpr Micros kPauseUs = 100 * kMillisecond;
constexpr std::string_view kDenied = "42501";      // insufficient_privilege
constexpr std::string_view kNeverGiven = "22023";  // "transaction ID %s is in the future"

constexpr std::string_view kWitness =
    "SELECT (SELECT pid || ' ' || backend_start FROM pg_catalog.pg_stat_activity"
    " WHERE pid = pg_catalog.pg_backend_pid())";
constexpr std::string_view kTimeline =
    ", CASE WHEN NOT pg_catalog.pg_is_in_recovery() THEN pg_catalog.substr("
    "pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_insert_lsn()), 1, 8) END";
constexpr std::string_view kAlone =
    ", pg_catalog.current_setting('synchronous_standby_names') = ''";
// A checkpoint that begins where it stands was made while nothing ran: by the shutdown or the
// recovery before this life. Source: CreateCheckPoint.
constexpr std::string_view kFirstXid =
    ", (SELECT CASE WHEN checkpoint_lsn = redo_lsn THEN next_xid END"
    " FROM pg_catalog.pg_control_checkpoint())";

std::uint32_t timeline_in(const std::string& text) {
  std::uint32_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value, 16);
  return value;
}

// The timeline of the primary, if there is one; 0: it is not known.
std::uint32_t timeline_of(const routing::TopologyCluster* cluster) {
  return cluster != nullptr && cluster->primary ? cluster->servers[*cluster->primary].timeline : 0;
}

}  // namespace

FateDesk::Court& FateDesk::court_of(const std::string& cluster) {
  auto& place = courts_[cluster];
  if (!place) {
    place = std::make_unique<Court>();
    place->cluster = cluster;
  }
  return *place;
}

void FateDesk::ask(const worker::FateWanted& wanted) {
  const Micros limit = controls_.picture().config->timeouts.failover_wait_us;
  Court& court = court_of(wanted.cluster);
  court.questions.push_back({wanted, monotonic_now() + limit});
  proceed(court);
}

void FateDesk::follow(std::shared_ptr<const routing::Topology> topology) {
  topology_ = std::move(topology);
  if (!controls_.picture().config->routing.xact_status) return;
  for (const routing::TopologyCluster& cluster : topology_->clusters)
    proceed(court_of(cluster.name));
}

void FateDesk::forget_all() {
  auto before = std::exchange(courts_, {});
  for (auto& [name, court] : before)
    for (Question& question : court->questions)
      court_of(name).questions.push_back(std::move(question));
  for (const auto& [name, court] : courts_) retry(*court);
}

// One question at a time; without any, the witness is looked for.
void FateDesk::proceed(Court& court) {
  if (court.link && court.link->busy()) return;
  if (court.link && court.link->strayed()) {
    court.link->hang_up();
    court.witness.clear();
  }
  drop_hopeless(court);
  if (!choose_server(court)) return retry(court);
  if (!court.questions.empty() || court.witness.empty()) ask_place(court);
}

// Whoever has waited long enough, or whose timeline or PostgreSQL cluster was left.
void FateDesk::drop_hopeless(Court& court) {
  const auto now_on = timeline_of(seen(court));
  while (!court.questions.empty()) {
    const Question& first = court.questions.front();
    const routing::TopologyCluster* cluster = seen(court);
    const bool left = (now_on != 0 && now_on != first.wanted.mark.timeline) ||
                      (cluster != nullptr && cluster->number != first.wanted.cluster_number);
    if (!left && monotonic_now() < first.deadline) return;
    answer_first(court, Fate::kUnknown);
  }
}

const routing::TopologyCluster* FateDesk::seen(const Court& court) const {
  return topology_ ? topology_->find(court.cluster) : nullptr;
}

// False: there is no primary now.
bool FateDesk::choose_server(Court& court) {
  const routing::TopologyCluster* cluster_seen = seen(court);
  if (cluster_seen == nullptr || !cluster_seen->primary) return false;
  const std::uint64_t number = cluster_seen->servers[*cluster_seen->primary].number;
  if (court.server == cluster_seen->primary && court.server_number == number) return true;
  court.server = cluster_seen->primary;
  court.server_number = number;
  court.witness.clear();
  for (MonitorCluster& cluster :
       monitored_clusters(*controls_.picture().config, controls_.addresses())) {
    if (cluster.name != court.cluster || *court.server >= cluster.servers.size()) continue;
    court.link = std::make_unique<ServerLink>(
        loop_, std::move(cluster.servers[*court.server]), "pgsaba fates",
        [this, &court](const ServerLink::Answer&) { on_broken(court); });
    return true;
  }
  court.server.reset();
  return false;
}

void FateDesk::ask_place(Court& court) {
  std::string question(kWitness);
  question += kTimeline;
  question += kAlone;
  if (!court.without_control_data) question += kFirstXid;
  court.link->ask(question, kLimitUs,
                  [this, &court](const ServerLink::Answer& answer) { on_place(court, answer); });
}

void FateDesk::on_place(Court& court, const ServerLink::Answer& answer) {
  if (!answer.ok() || court.link->strayed()) {
    if (answer.sqlstate == kDenied) court.without_control_data = true;
    court.witness.clear();
    return court.link->strayed() ? proceed_later(court, 0) : retry(court);
  }
  if (court.witness != answer.row[0]) {
    court.witness = answer.row[0];
    court.witness_since = monotonic_now();
  }
  court.evidence = {.timeline = timeline_in(answer.row[1])};
  court.waits_for_standbys = answer.row[2] != "t";
  if (answer.row.size() > 3) court.evidence.first_xid = routing::full_xid(answer.row[3]);
  if (court.questions.empty()) return;
  court.evidence.timeline != 0 ? ask_status(court) : retry(court);
}

void FateDesk::ask_status(Court& court) {
  std::string question(kWitness);
  question +=
      ", pg_catalog.txid_status(" + std::to_string(court.questions.front().wanted.mark.xid) + ")";
  court.link->ask(question, kLimitUs,
                  [this, &court](const ServerLink::Answer& answer) { on_status(court, answer); });
}

void FateDesk::on_status(Court& court, const ServerLink::Answer& answer) {
  if (court.questions.empty()) return;
  const worker::FateWanted& wanted = court.questions.front().wanted;
  const bool never = answer.sqlstate == kNeverGiven;
  // A pooler in between may have given us another process.
  if (court.link->strayed() || (!answer.ok() && !never) ||
      (answer.ok() && answer.row[0] != court.witness)) {
    court.witness.clear();
    return retry(court);
  }
  routing::FateEvidence evidence = court.evidence;
  evidence.never_given = never;
  evidence.same_life = court.server == wanted.server && court.witness_since < wanted.mark.asked_at;
  if (!never) evidence.status = answer.row[1];
  Fate fate = routing::fate_of(wanted.mark, evidence);
  // It is on that server; but the server itself would not have said so before a standby has it,
  // too.
  if (fate == Fate::kCommitted && court.waits_for_standbys) fate = Fate::kUnknown;
  if (fate == Fate::kStillRuns) return retry(court);
  answer_first(court, fate);
  proceed_later(court, 0);
}

void FateDesk::on_broken(Court& court) {
  court.witness.clear();
  retry(court);
}

void FateDesk::retry(Court& court) {
  if (!court.questions.empty()) proceed_later(court, kPauseUs);
}

// Never from inside a link's callback, where it must not be destroyed.
void FateDesk::proceed_later(Court& court, Micros pause) {
  court.pause = loop_.after(pause, [this, &court] { proceed(court); });
}

void FateDesk::answer_first(Court& court, Fate fate) {
  const Question question = std::move(court.questions.front());
  court.questions.pop_front();
  controls_.tell_worker(question.wanted.worker,
                        worker::FateKnown{question.wanted.client, question.wanted.mark.xid, fate});
}

}  // namespace pgsaba::control
