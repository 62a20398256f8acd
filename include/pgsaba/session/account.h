// Account: what all clients of one database entry and one user share in a worker: the limits that
// hold for them and the pool that serves them now. Owned by the worker; sessions borrow it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "pgsaba/config/pool_settings.h"
#include "pgsaba/pool/pool.h"
#include "pgsaba/routing/causal_clock.h"
#include "pgsaba/routing/definitions.h"
#include "pgsaba/routing/lease_reason.h"
#include "pgsaba/routing/read_balance.h"
#include "pgsaba/session/pin_counts.h"

namespace pgsaba::session {

// Where reads of an account may go, and what they have to see there.
struct ReadRules {
  routing::ReadBalance* balance = nullptr;  // null: nothing is read on standbys on our own decision
  routing::LeaseCounts* counts = nullptr;   // of the database, in this worker; null without balance
  // Null where nothing has to be seen in particular, or the cluster has one server. Writes are
  // numbered also where reads are not split: the same database may have another entry that does.
  std::shared_ptr<routing::CausalClock> clock;
  std::shared_ptr<routing::DatabaseClock> database;  // null: each session sees its own writes
  Micros causal_wait_us = 0;
  std::shared_ptr<routing::Spill> spill;
  std::int32_t max_spill = 0;  // 0: no limit
  config::RoutePolicy route = config::RoutePolicy::kPrimary;
  bool judged = false;  // by what the database has of its own: there are standbys
  // Null where nobody looks into catalogues. What is defined counts also where reads are not split.
  std::shared_ptr<routing::Definitions> definitions;
  std::optional<std::uint64_t> covered;  // by the last look; without: nobody has looked yet
  bool reads_sequences = false;          // functions of the database's ask currval or lastval
  Micros first_look_until = 0;           // somebody is looking for the first time; not beyond this
  std::string cluster;
  std::string dbname;              // as servers know it
  std::vector<pool::Pool*> pools;  // by server, as far as used; as old as the account's route

  // Until somebody has looked, any function may be one that asks.
  bool may_read_sequences(Micros now) const {
    return covered ? reads_sequences : now < first_look_until;
  }
  // Nothing was defined since somebody has looked.
  bool objects_known() const { return !definitions || covered == definitions->count(); }
};

struct Account {
  std::string database;  // as clients call it
  std::string user;      // as the client logged in
  config::PoolSettings limits;
  std::size_t max_prepared_statements = 0;
  std::string application_name;  // of the database entry
  pool::Pool* pool = nullptr;    // the route's answer, good for `route_generation`
  std::uint64_t route_generation = 0;
  Micros unrouted_since = 0;  // no server serves it, but one may soon; 0: one does, or never will
  ReadRules reads;
  std::shared_ptr<const sql::AccessRules> rules;  // that statements are judged by; null: none
  bool asks_fate = false;           // of a COMMIT that is under way when its server is lost
  PinCounts* pin_counts = nullptr;  // of the database, in this worker; never null for a session
  std::size_t clients = 0;          // of this worker

  // The pool is about to go.
  void forget(const pool::Pool& gone) {
    if (pool == &gone) pool = nullptr;
    std::replace(reads.pools.begin(), reads.pools.end(), const_cast<pool::Pool*>(&gone),
                 static_cast<pool::Pool*>(nullptr));
  }
  bool forces_application_name() const {
    return limits.application_name_mode == config::ApplicationName::kForce;
  }
  bool pools_transactions() const { return limits.pool_mode != config::PoolMode::kSession; }
};

}  // namespace pgsaba::session
