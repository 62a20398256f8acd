#include "pgsaba/config/pool_settings.h"

namespace pgsaba::config {
namespace {

// The strongest word that was said.
template <class T>
T first_of(const std::optional<T>& user, const std::optional<T>& database, T global) {
  return user ? *user : database.value_or(global);
}

}  // namespace

PoolSettings pool_settings(const Config& config, const DatabaseSettings& database,
                           const UserSettings* user) {
  const UserSettings nothing;
  const UserSettings& own = user != nullptr ? *user : nothing;
  const PoolDefaults& pool = config.pool;
  const Timeouts& timeouts = config.timeouts;
  return {
      .pool_mode = first_of(own.pool_mode, database.pool_mode, pool.pool_mode),
      .pool_size = first_of(own.pool_size, database.pool_size, pool.pool_size),
      .min_pool_size = database.min_pool_size.value_or(pool.min_pool_size),
      .reserve_pool_size =
          first_of(own.reserve_pool_size, database.reserve_pool_size, pool.reserve_pool_size),
      .max_db_connections = database.max_connections.value_or(pool.max_db_connections),
      .max_db_client_connections =
          database.max_client_connections.value_or(config.limits.max_db_client_connections),
      .max_user_connections = own.max_user_connections.value_or(pool.max_user_connections),
      .max_user_client_connections =
          own.max_user_client_connections.value_or(config.limits.max_user_client_connections),
      .server_lifetime_us = database.server_lifetime_us.value_or(timeouts.server_lifetime_us),
      .query_wait_us = first_of(own.query_wait_us, database.query_wait_us, timeouts.query_wait_us),
      .query_us = own.query_us.value_or(timeouts.query_us),
      .idle_transaction_us = own.idle_transaction_us.value_or(timeouts.idle_transaction_us),
      .transaction_us = own.transaction_us.value_or(timeouts.transaction_us),
      .client_idle_us = own.client_idle_us.value_or(timeouts.client_idle_us),
      .pin_idle_us = timeouts.pin_idle_us,
      .sequence_pin_us = timeouts.sequence_pin_us,
      .max_pinned_servers = pool.max_pinned_servers,
      .unknown_code = pool.unknown_code,
      .application_name_mode = database.application_name_mode.value_or(pool.application_name_mode),
  };
}

}  // namespace pgsaba::config
