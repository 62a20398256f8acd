// The clusters that the databases of a pgbouncer.ini live in: one for each list of hosts.
#include <algorithm>
#include <set>

#include "migration/pgbouncer.h"
#include "migration/pgbouncer_values.h"

namespace pgsaba::migration {
namespace {

std::string cluster_name(const std::string& host, const std::string& port) {
  const auto fit = [](std::string_view text) {
    std::string name;
    for (const char c : text)
      name += (std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '_') ? c : '-';
    while (name.starts_with('-')) name.erase(0, 1);
    return name;
  };
  const std::string name = fit(host).empty() ? "local" : fit(host);
  return port == "5432" ? name : name + "-" + fit(port);
}

}  // namespace

bool PgbouncerMigration::asks_for_standby(const Values& values) {
  const auto wish = values.find("target_session_attrs");
  return wish != values.end() && (wish->second == "standby" || wish->second == "read-only");
}

std::string PgbouncerMigration::where(const Entry& database) const {
  const auto host = database.values.find("host");
  const auto port = database.values.find("port");
  return (host == database.values.end() ? value_of("unix_socket_dir") : host->second) + "|" +
         (port == database.values.end() ? "5432" : port->second);
}

std::string PgbouncerMigration::server_list(const Entry& database, bool& several) const {
  const std::string place = where(database);
  const auto hosts = split_list(place.substr(0, place.rfind('|')));
  const auto ports = split_list(place.substr(place.rfind('|') + 1));
  std::string list;
  std::set<std::string> known;
  for (std::size_t i = 0; i < hosts.size(); ++i) {
    FlowMap server;
    server.add("host", scalar(hosts[i])).add("port", scalar(ports[i < ports.size() ? i : 0]));
    // One that is named twice gets twice the connections there, and is one server here.
    if (known.insert(server.text()).second) list += (list.empty() ? "" : ", ") + server.text();
  }
  several = known.size() > 1;
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
  for (const Entry& database : databases_) places.insert(where(database));
  const std::string tls = databases_.empty() ? "" : cluster_tls().text();
  std::string tls_from;
  if (const auto mode = settings_.find("server_tls_sslmode"); mode != settings_.end())
    tls_from = mode->second.place();
  for (const Entry& database : databases_) {
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
    const bool roles_matter = std::ranges::any_of(databases_, [&](const Entry& other) {
      return where(other) == place && asks_for_standby(other.values);
    });
    if (several || roles_matter) write_monitor(database, name);
  }
}

// Of several servers, and of one that is to be a standby, somebody has to find out the roles.
void PgbouncerMigration::write_monitor(const Entry& database, const std::string& cluster) {
  const auto user = database.values.find("user");
  const auto password = database.values.find("password");
  const bool known = user != database.values.end() && password != database.values.end();
  FlowMap monitor;
  monitor.add("user", scalar(known ? user->second : "pgsaba"));
  if (known) monitor.add("password", in_quotes(password->second));
  draft_.add("clusters", "  monitor: " + monitor.text(), "");
  draft_.warn("cluster " + cluster +
              ": somebody has to ask its servers which of them is the primary: clusters." +
              cluster + ".monitor has to be a user that can log in to the database postgres");
}

}  // namespace pgsaba::migration
