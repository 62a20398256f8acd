// The databases of a pgbouncer.ini, and the clusters they live in.
#include <algorithm>
#include <set>

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

std::string_view reason_against(std::string_view key) {
  if (key == "client_encoding" || key == "datestyle" || key == "timezone") return kAlterDatabase;
  if (key == "connect_query")
    return "no query of one's own is sent to new server connections; what it sets belongs to ALTER "
           "DATABASE … SET or ALTER ROLE … SET.";
  if (key == "load_balance_hosts")
    return "the servers of a cluster are not alike: its primary serves, whichever of them it is, "
           "and "
           "with route: split standbys serve reads.";
  return {};
}

std::string cluster_name(const std::string& host, const std::string& port) {
  std::string name;
  for (const char c : host)
    name += (std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '_') ? c : '-';
  while (name.starts_with('-')) name.erase(0, 1);
  if (name.empty()) name = "local";
  return port == "5432" ? name : name + "-" + port;
}

}  // namespace

std::string PgbouncerMigration::where(const Database& database) const {
  const auto host = database.values.find("host");
  const auto port = database.values.find("port");
  return (host == database.values.end() ? value_of("unix_socket_dir") : host->second) + "|" +
         (port == database.values.end() ? "5432" : port->second);
}

std::string PgbouncerMigration::server_list(const Database& database, bool& several) const {
  const std::string place = where(database);
  const std::string port = place.substr(place.rfind('|') + 1);
  std::string list;
  const auto hosts = split_list(place.substr(0, place.rfind('|')));
  for (const std::string& host : hosts) {
    FlowMap server;
    server.add("host", scalar(host)).add("port", scalar(port));
    list += (list.empty() ? "" : ", ") + server.text();
  }
  several = hosts.size() > 1;
  return "[" + list + "]";
}

// One setting of PgBouncer's for all servers; Unix sockets have no TLS there, either.
FlowMap PgbouncerMigration::cluster_tls() {
  FlowMap tls;
  for (const Counterpart& setting : pgbouncer_settings()) {
    if (!setting.target.starts_with("clusters.")) continue;
    const auto found = settings_.find(setting.name);
    IniLine line = found == settings_.end() ? IniLine{} : found->second;
    if (found == settings_.end()) line.value = setting.initial;
    const Translated value = translate(setting, line, path_);
    if (found != settings_.end() && !value.note.empty())
      draft_.note({line.place(), line.key + " = " + line.value}, value.note);
    for (const auto& [key, text] : value.settings) tls.add(key, text);
  }
  return tls;
}

void PgbouncerMigration::write_clusters() {
  std::set<std::string> taken;
  std::set<std::string> places;
  for (const Database& database : databases_) places.insert(where(database));
  const std::string tls = databases_.empty() ? "" : cluster_tls().text();
  std::string tls_from;
  if (const auto mode = settings_.find("server_tls_sslmode"); mode != settings_.end())
    tls_from = mode->second.place();
  for (const Database& database : databases_) {
    const std::string place = where(database);
    if (clusters_.contains(place)) continue;
    const std::string host = place.substr(0, place.rfind('|'));
    std::string name =
        places.size() == 1 ? "main" : cluster_name(host, place.substr(place.rfind('|') + 1));
    while (!taken.insert(name).second) name += "-2";
    clusters_[place] = name;
    bool several = false;
    const std::string servers = server_list(database, several);
    draft_.add("clusters", scalar(name) + ":", "");
    draft_.add("clusters", "  servers: " + servers, database.line.place());
    const bool unix_socket = host.starts_with('/') || host.starts_with('@');
    if (!unix_socket)
      draft_.add("clusters", "  tls: " + tls, tls_from.empty() ? "PgBouncer's default" : tls_from);
    if (!several) continue;
    const auto user = database.values.find("user");
    const auto password = database.values.find("password");
    const bool known = user != database.values.end() && password != database.values.end();
    FlowMap monitor;
    monitor.add("user", scalar(known ? user->second : "pgsaba"));
    if (known) monitor.add("password", in_quotes(password->second));
    draft_.add("clusters", "  monitor: " + monitor.text(), "");
    draft_.warn("cluster " + name +
                ": several servers need somebody who asks them which of them is " +
                "the primary: clusters." + name + ".monitor has to be a user that can log in to " +
                "the database postgres");
  }
}

void PgbouncerMigration::write_databases() {
  for (const Database& database : databases_) write_database(database);
  if (databases_.empty()) draft_.warn("there are no databases");
}

void PgbouncerMigration::write_database(const Database& database) {
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
