#include "control/switchover.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "control/position_targets.h"
#include "pgsaba/base/log.h"
#include "pgsaba/wire/sqlstate.h"

namespace pgsaba::control {
namespace {

using admin::failed;
using routing::TopologyCluster;
using routing::TopologyServer;
namespace sqlstate = wire::sqlstate;

constexpr Micros kStepUs = 10 * kMillisecond;
constexpr Micros kAnswerUs = 5 * kSecond;
constexpr Micros kPromoteUs = 65 * kSecond;  // longer than the server itself waits

constexpr std::string_view kCheck =
    "SELECT pg_catalog.has_function_privilege('pg_catalog.pg_promote(boolean,integer)', 'EXECUTE'),"
    " pg_catalog.pg_is_in_recovery() AND pg_catalog.pg_is_wal_replay_paused()";
constexpr std::string_view kWhere =
    "SELECT pg_catalog.pg_current_wal_insert_lsn() - '0/0'::pg_catalog.pg_lsn,"
    " pg_catalog.pg_size_bytes(pg_catalog.current_setting('wal_segment_size'))";
constexpr std::string_view kReplayed =
    "SELECT pg_catalog.pg_last_wal_replay_lsn() - '0/0'::pg_catalog.pg_lsn";
constexpr std::string_view kPromote = "SELECT pg_catalog.pg_promote(true, 60)";

std::uint64_t number_in(const ServerLink::Answer& answer, std::size_t column) {
  std::uint64_t value = 0;
  if (column < answer.row.size())
    std::from_chars(answer.row[column].data(),
                    answer.row[column].data() + answer.row[column].size(), value);
  return value;
}

bool of_cluster(const worker::Picture& picture, std::string_view database,
                const std::string& cluster) {
  const auto* found = config::find_database(*picture.config, database);
  return found != nullptr && found->cluster == cluster;
}

struct InUse {
  std::size_t servers = 0;
  std::size_t pinned = 0;  // of these: kept by clients between transactions
};

InUse in_use(const worker::Picture& picture, const std::vector<stats::WorkerSnapshot>& workers,
             const std::string& cluster) {
  InUse sum;
  for (const stats::WorkerSnapshot& worker : workers) {
    for (const stats::PoolRow& pool : worker.pools)
      if (of_cluster(picture, pool.database, cluster))
        sum.servers += pool.sv_active + pool.sv_tested + pool.sv_being_canceled;
    sum.pinned += static_cast<std::size_t>(
        std::ranges::count_if(worker.servers, [&](const stats::ServerRow& server) {
          return !server.reason.empty() && of_cluster(picture, server.database, cluster);
        }));
  }
  return sum;
}

}  // namespace

std::optional<admin::AdminReply> switchover_refusal(const TopologyCluster* cluster,
                                                    const std::string& name, std::size_t target) {
  const auto refused = [](std::string message, std::string hint = {}) {
    return failed(sqlstate::kObjectNotInState, std::move(message), std::move(hint));
  };
  if (cluster == nullptr || target >= cluster->servers.size())
    return refused("nothing is known of the cluster's servers yet");
  if (cluster->primary_state != routing::PrimaryState::kElected)
    return refused("cluster " + cluster->name + " has no primary to take over from: " +
                   std::string(routing::text_of(cluster->primary_state)));
  const TopologyServer& server = cluster->servers[target];
  const TopologyServer& primary = cluster->servers[*cluster->primary];
  if (*cluster->primary == target) return refused(name + " is the primary already");
  if (!server.reachable) return refused(name + " does not answer");
  if (server.role != routing::ServerRole::kStandby)
    return refused(name + " is no standby of cluster " + cluster->name);
  if (!server.streaming)
    return refused(name + " does not stream from the primary", "It might lack what was written.");
  if (server.timeline != primary.timeline)
    return refused(name + " is on timeline " + std::to_string(server.timeline) +
                   ", the primary on " + std::to_string(primary.timeline));
  return std::nullopt;
}

// Nobody is answered while he still asks.
void Switchover::begin(const std::string& cluster, std::size_t target, Done done) {
  const auto refuse = [&](admin::AdminReply reply) {
    if (!loop_.post([done, reply = std::move(reply)] { done(reply); }))
      log::error("the control thread is behind: a SWITCHOVER was not answered");
  };
  if (state_ != State::kNone)
    return refuse(failed(sqlstate::kObjectNotInState,
                         "a switchover of cluster " + cluster_ + " is under way"));
  const worker::Picture& picture = controls_.picture();
  const TopologyCluster* seen = picture.topology->find(cluster);
  const auto clusters = monitored_clusters(*picture.config, controls_.addresses());
  const auto known = std::ranges::find(clusters, cluster, &MonitorCluster::name);
  if (known == clusters.end() || target >= known->servers.size())
    return refuse(failed(sqlstate::kObjectNotInState, "there is no such server"));
  if (auto refusal = switchover_refusal(seen, known->servers[target].name, target))
    return refuse(std::move(*refusal));
  ++number_;
  cluster_ = cluster;
  servers_ = known->servers;
  target_ = target;
  target_number_ = seen->servers[target].number;
  old_ = *seen->primary;
  done_ = std::move(done);
  const auto link = [this](const MonitorTarget& server) {
    return std::make_unique<ServerLink>(loop_, server, "pgsaba switchover",
                                        [](const ServerLink::Answer&) {});
  };
  target_link_ = link(servers_[target_]);
  old_link_ = link(servers_[old_]);
  state_ = State::kChecking;
  limit_ = loop_.after(picture.config->timeouts.switchover_us, [this] { too_late(); });
  check();
}

void Switchover::check() {
  target_link_->ask(kCheck, kAnswerUs, [this, number = number_](const ServerLink::Answer& answer) {
    if (number != number_ || state_ != State::kChecking) return;
    if (!answer.ok())
      return fail(sqlstate::kObjectNotInState, target().name + " cannot be asked: " + answer.error);
    if (answer.row[0] != "t")
      return fail(sqlstate::kInsufficientPrivilege,
                  "user " + target().user + " may not call pg_promote() on " + target().name,
                  "GRANT EXECUTE ON FUNCTION pg_promote TO " + target().user + " on the primary.");
    if (answer.row[1] == "t")
      return fail(sqlstate::kObjectNotInState, "replay is paused on " + target().name,
                  "SELECT pg_wal_replay_resume() there.");
    later(0, &Switchover::pause);
  });
}

void Switchover::pause() {
  state_ = State::kPausing;
  log::info("cluster {}: switching over to {}, its databases are paused", cluster_, target().name);
  controls_.change_picture(
      [this](worker::Picture& picture) { picture.switching.insert(cluster_); });
  ask_workers();
}

// Workers read their mail in order: what they say now, they say of paused pools.
void Switchover::ask_workers() {
  controls_.gather(stats::Detail::kSums, [this, number = number_](
                                             const std::vector<stats::WorkerSnapshot>& workers) {
    if (number != number_ || state_ != State::kPausing) return;
    const bool any = in_use(controls_.picture(), workers, cluster_).servers > 0;
    later(any ? kStepUs : 0, any ? &Switchover::ask_workers : &Switchover::measure);
  });
}

void Switchover::measure() {
  state_ = State::kMeasuring;
  old_link_->ask(kWhere, kAnswerUs, [this, number = number_](const ServerLink::Answer& answer) {
    if (number != number_ || state_ != State::kMeasuring) return;
    if (!answer.ok())
      return fail(sqlstate::kObjectNotInState,
                  servers_[old_].name + " cannot be asked where it stands: " + answer.error);
    position_ = reachable_position(number_in(answer, 0), number_in(answer, 1));
    state_ = State::kCatchingUp;
    later(0, &Switchover::ask_replayed);
  });
}

void Switchover::ask_replayed() {
  target_link_->ask(
      kReplayed, kAnswerUs, [this, number = number_](const ServerLink::Answer& answer) {
        if (number != number_ || state_ != State::kCatchingUp) return;
        if (!answer.ok())
          return fail(sqlstate::kObjectNotInState,
                      target().name + " cannot be asked what it has replayed: " + answer.error);
        const bool there = number_in(answer, 0) >= position_;
        later(there ? 0 : kStepUs, there ? &Switchover::promote : &Switchover::ask_replayed);
      });
}

// A reload or a name that moved may have put another server in its place.
bool Switchover::target_is_there() const {
  const TopologyCluster* seen = controls_.picture().topology->find(cluster_);
  return seen != nullptr && std::ranges::find(seen->servers, target_number_,
                                              &TopologyServer::number) != seen->servers.end();
}

void Switchover::promote() {
  if (!target_is_there())
    return fail(sqlstate::kObjectNotInState, target().name + " is another server by now");
  state_ = State::kPromoting;
  limit_.reset();
  log::info("cluster {}: {} has replayed everything and is promoted", cluster_, target().name);
  target_link_->ask(kPromote, kPromoteUs,
                    [this, number = number_](const ServerLink::Answer& answer) {
                      if (number == number_ && state_ == State::kPromoting) on_promoted(answer);
                    });
}

void Switchover::on_promoted(const ServerLink::Answer& answer) {
  // What the server refuses it has not begun.
  if (!answer.ok() && !answer.sqlstate.empty() && !answer.sqlstate.starts_with("57P"))
    return fail(answer.sqlstate, target().name + " refuses to be promoted: " + answer.error);
  if (!answer.ok()) log::warning("cluster {}: {}", cluster_, answer.error);
  state_ = State::kConfirming;
  confirm_until_ = monotonic_now() + controls_.picture().config->timeouts.switchover_us;
  later(0, &Switchover::confirm);
}

bool Switchover::is_over() const {
  const TopologyCluster* seen = controls_.picture().topology->find(cluster_);
  return seen != nullptr && seen->primary &&
         seen->servers[*seen->primary].number == target_number_ &&
         seen->primary_state == routing::PrimaryState::kElected;
}

void Switchover::confirm() {
  if (is_over()) {
    log::info("cluster {}: {} is the primary, its databases go on; {} must be made a standby",
              cluster_, target().name, servers_[old_].name);
    return end({});
  }
  if (state_ == State::kConfirming && monotonic_now() > confirm_until_)
    doubt(target().name + " was told to become the primary, and is not seen as one");
  probe_now_(cluster_);
  later(state_ == State::kDoubtful ? kSecond / 2 : 2 * kStepUs, &Switchover::confirm);
}

// The databases stay paused.
void Switchover::doubt(const std::string& why) {
  state_ = State::kDoubtful;
  log::error("cluster {}: {}; its databases stay paused until it is, or until RESUME", cluster_,
             why);
  const Done done = std::exchange(done_, nullptr);
  if (done)
    done(failed(sqlstate::kObjectNotInState, why,
                "The databases of cluster " + cluster_ +
                    " stay paused until it is; RESUME goes on with whatever is the primary."));
}

void Switchover::give_up() {
  if (state_ == State::kNone) return;
  if (state_ >= State::kPromoting) {
    done_ = nullptr;
    return;
  }
  log::info("cluster {}: the switchover was given up", cluster_);
  done_ = nullptr;
  end({});
}

void Switchover::lift() {
  if (state_ == State::kDoubtful) end({});
}

void Switchover::too_late() {
  const std::string after =
      fmt::format(" within {} s", controls_.picture().config->timeouts.switchover_us / kSecond);
  const std::string hint = "Everything stays as it was. timeouts.switchover sets the limit.";
  switch (state_) {
    case State::kPausing:
      controls_.gather(
          stats::Detail::kServers,
          [this, number = number_, after, hint](const std::vector<stats::WorkerSnapshot>& workers) {
            if (number != number_ || state_ != State::kPausing) return;
            const InUse busy = in_use(controls_.picture(), workers, cluster_);
            fail(sqlstate::kActiveTransaction,
                 fmt::format(
                     "{} server connections are still in use{}, {} of them by clients that keep "
                     "theirs (SHOW PINS)",
                     busy.servers, after, busy.pinned),
                 hint);
          });
      return;
    case State::kCatchingUp:
      return fail(sqlstate::kObjectNotInState,
                  target().name + " has not replayed everything" + after, hint);
    default:
      return fail(sqlstate::kObjectNotInState, "the servers have not answered" + after, hint);
  }
}

void Switchover::fail(std::string_view sqlstate, const std::string& what, std::string hint) {
  log::warning("cluster {}: no switchover to {}: {}", cluster_, target().name, what);
  end(failed(sqlstate, what, std::move(hint)));
}

// A link must not be destroyed by its own answer: that is done with the next one.
void Switchover::end(admin::AdminReply reply) {
  ++number_;
  state_ = State::kNone;
  limit_.reset();
  step_ = loop_.after(0, [this] {
    target_link_.reset();
    old_link_.reset();
  });
  resume();
  const Done done = std::exchange(done_, nullptr);
  if (done) done(std::move(reply));
}

void Switchover::resume() {
  if (!controls_.picture().switching.contains(cluster_)) return;
  controls_.change_picture([this](worker::Picture& picture) { picture.switching.erase(cluster_); });
}

void Switchover::later(Micros delay, void (Switchover::*step)()) {
  step_ = loop_.after(delay, [this, step] { (this->*step)(); });
}

}  // namespace pgsaba::control
