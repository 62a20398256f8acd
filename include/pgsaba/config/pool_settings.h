// What holds for one pool (one database and one user) once user, database and global settings have
// been weighed: the user's word beats the database's, which beats the global one. A value type,
// any thread; pure. Times in microseconds, 0 = off; limits of 0 = none.
// Precedence: PgBouncer's manual, sections [databases] and [users].
#pragma once

#include <cstdint>

#include "pgsaba/base/clock.h"
#include "pgsaba/config/config.h"

namespace pgsaba::config {

struct PoolSettings {
  PoolMode pool_mode = PoolMode::kTransaction;
  std::int32_t pool_size = 0;
  std::int32_t min_pool_size = 0;
  std::int32_t reserve_pool_size = 0;
  std::int32_t max_db_connections = 0;
  std::int32_t max_db_client_connections = 0;
  std::int32_t max_user_connections = 0;
  std::int32_t max_user_client_connections = 0;
  Micros server_lifetime_us = 0;
  Micros query_wait_us = 0;
  Micros query_us = 0;
  Micros idle_transaction_us = 0;
  Micros transaction_us = 0;
  Micros client_idle_us = 0;
  Micros pin_idle_us = 0;
  Micros sequence_pin_us = 0;
  std::int32_t max_pinned_servers = 0;
  UnknownCode unknown_code = UnknownCode::kProbe;
  ApplicationName application_name_mode = ApplicationName::kFollow;

  bool operator==(const PoolSettings&) const = default;
};

// `user` may be null: the user has no settings of its own.
PoolSettings pool_settings(const Config& config, const DatabaseSettings& database,
                           const UserSettings* user);

}  // namespace pgsaba::config
