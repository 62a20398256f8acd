#include "pgsaba/config/pool_settings.h"

#include <doctest/doctest.h>

#include "pgsaba/config/file_descriptors.h"

using namespace pgsaba;
using namespace pgsaba::config;

TEST_CASE("without words of their own, database and user have the global settings") {
  const Config config;
  CHECK(pool_settings(config, {}, nullptr) == PoolSettings{.pool_mode = PoolMode::kTransaction,
                                                           .pool_size = 20,
                                                           .server_lifetime_us = 3600 * kSecond,
                                                           .query_wait_us = 120 * kSecond,
                                                           .pin_idle_us = 3600 * kSecond,
                                                           .sequence_pin_us = kSecond,
                                                           .max_pinned_servers = 10});
}

TEST_CASE("the database beats the global settings, the user beats both") {
  Config config;
  config.timeouts.query_us = 1;
  config.timeouts.pin_idle_us = 19;
  config.timeouts.sequence_pin_us = 20;
  config.pool.max_pinned_servers = 21;
  config.pool.unknown_code = UnknownCode::kReset;
  config.limits.max_db_client_connections = 2;
  DatabaseSettings database;
  database.pool_mode = PoolMode::kSession;
  database.pool_size = 3;
  database.min_pool_size = 4;
  database.reserve_pool_size = 5;
  database.max_connections = 6;
  database.server_lifetime_us = 7;
  database.query_wait_us = 8;
  UserSettings user;
  PoolSettings expected{.pool_mode = PoolMode::kSession,
                        .pool_size = 3,
                        .min_pool_size = 4,
                        .reserve_pool_size = 5,
                        .max_db_connections = 6,
                        .max_db_client_connections = 2,
                        .server_lifetime_us = 7,
                        .query_wait_us = 8,
                        .query_us = 1,
                        .pin_idle_us = 19,
                        .sequence_pin_us = 20,
                        .max_pinned_servers = 21,
                        .unknown_code = UnknownCode::kReset};
  CHECK(pool_settings(config, database, nullptr) == expected);
  CHECK(pool_settings(config, database, &user) == expected);

  database.max_client_connections = 9;
  user.pool_mode = PoolMode::kStatement;
  user.pool_size = 0;  // said, and means no limit
  user.reserve_pool_size = 11;
  user.max_user_connections = 12;
  user.max_user_client_connections = 13;
  user.query_wait_us = 14;
  user.query_us = 15;
  user.idle_transaction_us = 16;
  user.transaction_us = 17;
  user.client_idle_us = 18;
  expected = {.pool_mode = PoolMode::kStatement,
              .pool_size = 0,
              .min_pool_size = 4,
              .reserve_pool_size = 11,
              .max_db_connections = 6,
              .max_db_client_connections = 9,
              .max_user_connections = 12,
              .max_user_client_connections = 13,
              .server_lifetime_us = 7,
              .query_wait_us = 14,
              .query_us = 15,
              .idle_transaction_us = 16,
              .transaction_us = 17,
              .client_idle_us = 18,
              .pin_idle_us = 19,
              .sequence_pin_us = 20,
              .max_pinned_servers = 21,
              .unknown_code = UnknownCode::kReset};
  CHECK(pool_settings(config, database, &user) == expected);
}

TEST_CASE("file descriptors add up") {
  Config config;
  config.listen.resize(2);
  config.limits.max_client_connections = 1000;
  config.limits.max_cancel_requests = 100;
  config.clusters["c"].servers.resize(2);
  config.databases["a"].cluster = "c";  // 20 x 3 users x 2 hosts
  config.databases["b"].cluster = "c";  // forced user: one pool of 25 on 2 hosts
  config.databases["b"].user = "u";
  config.databases["b"].reserve_pool_size = 5;
  config.databases["d"].max_connections = 7;
  const FileDescriptors needed = required_file_descriptors(config, 3, 4);
  CHECK(needed.clients == 1000);
  CHECK(needed.servers == 120 + 50 + 7);
  CHECK(needed.listeners == 8);
  CHECK(needed.reserve == 32 + 4 * (8 + 100) + 2);
  CHECK(needed.total() == 1000 + 177 + 8 + 466);

  config.databases["d"].max_connections.reset();
  config.databases["d"].pool_size = 0;  // no limit: the clients are
  CHECK(required_file_descriptors(config, 1, 4).servers == 40 + 50 + 1000);
}
