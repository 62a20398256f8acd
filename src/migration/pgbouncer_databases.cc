// The databases of a pgbouncer.ini.
#include <algorithm>

#include "migration/pgbouncer.h"
#include "migration/pgbouncer_values.h"

namespace pgsaba::migration {
namespace {

// What it is called there and here.
constexpr std::pair<std::string_view, std::string_view> kSame[] = {
    {"dbname", "dbname"},
    {"user", "user"},
    {"password", "password"},
    {"auth_user", "auth_user"},
    {"auth_dbname", "auth_dbname"},
    {"auth_query", "auth_query"},
    {"application_name", "application_name"},
    {"pool_mode", "pool_mode"},
    {"pool_size", "pool_size"},
    {"min_pool_size", "min_pool_size"},
    {"reserve_pool", "reserve_pool_size"},
    {"reserve_pool_size", "reserve_pool_size"},
    {"max_db_connections", "max_connections"},
    {"max_db_client_connections", "max_client_connections"},
    {"server_lifetime", "server_lifetime"},
    {"query_wait_timeout", "query_wait"}};

constexpr std::string_view kAlterDatabase =
    "what servers get before clients say anything belongs to the database: ALTER DATABASE … SET or "
    "ALTER ROLE … SET. What clients send at login counts as before.";

constexpr std::string_view kWhoServes =
    "the servers of a cluster are not alike: its primary serves, whichever of them it is, and with "
    "route: split standbys serve reads.";

std::string_view reason_against(std::string_view key) {
  if (key == "client_encoding" || key == "datestyle" || key == "timezone") return kAlterDatabase;
  if (key == "connect_query")
    return "no query of one's own is sent to new server connections; what it sets belongs to ALTER "
           "DATABASE … SET or ALTER ROLE … SET.";
  if (key == "load_balance_hosts" || key == "target_session_attrs") return kWhoServes;
  return {};
}

}  // namespace

void PgbouncerMigration::write_databases() {
  for (const Entry& database : databases_) write_database(database);
  if (databases_.empty()) draft_.warn("there are no databases");
}

void PgbouncerMigration::write_database(const Entry& database) {
  FlowMap map;
  map.add("cluster", scalar(clusters_[where(database)]));
  const bool forced = database.values.contains("user");
  for (const auto& [key, value] : database.values) {
    if (key == "host" || key == "port") continue;
    const Origin origin{database.line.place(), database.line.key + ": " + key + "=" + value};
    if (key == "password" && !forced) {
      draft_.note({origin.place, database.line.key + ": password=…"},
                  "a password without a user means nothing, there as here.");
      continue;
    }
    const auto same =
        std::ranges::find(kSame, key, &std::pair<std::string_view, std::string_view>::first);
    if (same != std::end(kSame)) {
      const bool text = key == "password" || key == "dbname" || key == "auth_query";
      map.add(same->second, text ? in_quotes(value) : scalar(value));
    } else if (key == "target_session_attrs" && asks_for_standby(database.values)) {
      map.add("route", "replica_only");
    } else if (const auto why = reason_against(key); !why.empty()) {
      draft_.note(origin, why);
    } else {
      draft_.note(origin, "PgBouncer has no such setting for databases, up to version 1.25.");
      draft_.warn(origin.place + ": " + key + " is no setting of a database that is known here");
    }
  }
  const std::string& name = database.line.key;
  draft_.add("databases", (name == "*" ? "'*'" : scalar(name)) + ": " + map.text(),
             database.line.place());
}

}  // namespace pgsaba::migration
