#include "control/console_waits.h"

#include <algorithm>
#include <utility>

#include "pgsaba/wire/sqlstate.h"

namespace pgsaba::control {
namespace {

using Snapshots = std::vector<stats::WorkerSnapshot>;

constexpr Micros kIntervalUs = 50 * kMillisecond;
// A worker that is so slow to answer is not asked more often than this.
constexpr Micros kPatienceUs = kSecond;

bool concerns(const std::string& wanted, const std::string& database) {
  return wanted.empty() || wanted == database;
}

bool any_in_use(const Snapshots& workers, const std::string& database) {
  return std::ranges::any_of(workers, [&](const stats::WorkerSnapshot& worker) {
    return std::ranges::any_of(worker.pools, [&](const stats::PoolRow& pool) {
      return concerns(database, pool.database) &&
             pool.sv_active + pool.sv_tested + pool.sv_being_canceled > 0;
    });
  });
}

bool any_to_close(const Snapshots& workers, const std::string& database) {
  return std::ranges::any_of(workers, [&](const stats::WorkerSnapshot& worker) {
    return std::ranges::any_of(worker.servers, [&](const stats::ServerRow& server) {
      return concerns(database, server.database) && server.close_needed;
    });
  });
}

}  // namespace

ConsoleWaits::Id ConsoleWaits::add(Until until, std::string database, Done done) {
  const Id id = ++last_id_;
  waits_.emplace(id, Wait{until, std::move(database), std::move(done)});
  if (!ticking_) ticking_ = loop_.every(kIntervalUs, [this] { tick(); });
  ask();
  return id;
}

void ConsoleWaits::tick() {
  check_pauses();
  if (waits_.empty()) return ticking_.reset();
  const bool in_flight = asked_ != answered_;
  if (in_flight && monotonic_now() - asked_at_ < kPatienceUs) return;
  ask();
}

void ConsoleWaits::ask() {
  asked_at_ = monotonic_now();
  controls_.gather(stats::Detail::kServers,
                   [this, number = ++asked_, newest = last_id_](const Snapshots& workers) {
                     answered_ = std::max(answered_, number);
                     examine(workers, newest);
                   });
}

// Waits younger than `newest` must not be judged by it: its workers may not have seen their pause.
void ConsoleWaits::examine(const Snapshots& workers, Id newest) {
  check_pauses();
  std::vector<Id> over;
  for (const auto& [id, wait] : waits_) {
    if (id > newest) break;
    const bool more = wait.until == Until::kPaused ? any_in_use(workers, wait.database)
                                                   : any_to_close(workers, wait.database);
    if (!more) over.push_back(id);
  }
  end(over, {});
}

bool ConsoleWaits::still_holds(const Wait& wait) const {
  const worker::Picture& picture = controls_.picture();
  if (wait.until != Until::kPaused) return true;
  return wait.database.empty() ? picture.all_paused : picture.is_paused(wait.database);
}

void ConsoleWaits::check_pauses() {
  std::vector<Id> lifted;
  for (const auto& [id, wait] : waits_)
    if (!still_holds(wait)) lifted.push_back(id);
  end(lifted, admin::failed(
                  wire::sqlstate::kObjectNotInState, "the pause was lifted before it was complete",
                  "Someone gave RESUME meanwhile, or took back the PAUSE that this one joined."));
}

// `done` may add waits and remove others.
void ConsoleWaits::end(const std::vector<Id>& ids, const admin::AdminReply& reply) {
  for (const Id id : ids) {
    const auto node = waits_.extract(id);
    if (!node.empty()) node.mapped().done(reply);
  }
}

}  // namespace pgsaba::control
