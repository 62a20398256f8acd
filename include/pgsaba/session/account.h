// Account: what all clients of one database entry and one user share in a worker: the limits that
// hold for them and the pool that serves them now. Owned by the worker; sessions borrow it.
#pragma once

#include <memory>
#include <string>

#include "pgsaba/config/pool_settings.h"
#include "pgsaba/pool/pool.h"

namespace pgsaba::session {

struct Account {
  std::string database;  // as clients call it
  std::string user;      // as the client logged in
  config::PoolSettings limits;
  std::size_t max_prepared_statements = 0;
  std::string forced_application_name;  // of the database entry; empty: the client's own
  pool::Pool* pool = nullptr;           // the route's answer, good for `route_generation`
  std::uint64_t route_generation = 0;
  std::size_t clients = 0;  // of this worker

  bool pools_transactions() const { return limits.pool_mode != config::PoolMode::kSession; }
};

}  // namespace pgsaba::session
