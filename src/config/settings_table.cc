#include "settings_table.h"

#include <cstdlib>

namespace pgsaba::config {
namespace {

constexpr std::string_view kListenExample = R"(listen:
  - {address: 127.0.0.1, port: 6432}
  #- {unix: /run/pgsaba, mode: 0770, group: www-data}
)";
constexpr std::string_view kPeersExample = R"(peers:
  # 1: {host: /run/pgsaba/1}
  # 2: {host: /run/pgsaba/2}
)";
constexpr std::string_view kClustersExample = R"(clusters:
  main:
    servers:
      - {name: main-01, host: 127.0.0.1, port: 5432}
      #- {name: main-02, host: 10.0.0.12, port: 5432, weight: 1}
    #monitor: {user: pgsaba, password: "${PGSABA_MONITOR_PASSWORD}"}
    #tls: {mode: verify-full, ca: /etc/pgsaba/main-ca.pem}
)";
constexpr std::string_view kDatabasesExample = R"(databases:
  "*": {cluster: main}
  #shop: {cluster: main, route: split, pool_size: 20}
  #shop_primary: {cluster: main, dbname: shop, route: primary}
  #archive: {host: 10.0.0.20, user: reader, password_file: archive.password}
)";
constexpr std::string_view kTlsFilesExample = R"(  #certificates:
    #- {certificate: db.example.org.crt, key: db.example.org.key}
)";
constexpr std::string_view kAuthExample = R"(auth:
  type: scram-sha-256
  file: userlist.txt
)";
constexpr std::string_view kHttpExample = R"(http:
  # port: 9127
  # user: zabbix
  # password_file: http.password
  # certificate: http.crt
  # key: http.key
)";
constexpr std::string_view kUsersExample = R"(users:
  #worker: {pool_size: 10, max_user_client_connections: 200}
)";

const Config config_defaults;
const Listener listener_defaults;
const ServerAddress server_defaults;
const Peer peer_defaults;
const TlsFiles tls_files_defaults;
const Monitor monitor_defaults;
const ServerTls server_tls_defaults;
const DatabaseSettings database_defaults;
const UserSettings user_defaults;

}  // namespace

std::span<const Section> sections() {
  static const Section all_sections[] = {
      {"", "The process.", top_level_settings(), &config_defaults},
      {"listen[]", "Where clients connect.", listener_settings(), &listener_defaults,
       kListenExample},
      {"peers.*",
       "Other pgsaba processes that clients may come to instead of this one, by their peer_id: "
       "cancel requests for their clients are forwarded to them. One list can serve all: this "
       "process may be in it.",
       peer_settings(), &peer_defaults, kPeersExample},
      {"clusters.*.servers[]",
       "A primary and its standbys. Which is which is found out, not written down.",
       server_settings(), &server_defaults, kClustersExample},
      {"clusters.*.monitor", "How the servers of a cluster are watched.", monitor_settings(),
       &monitor_defaults},
      {"clusters.*.tls",
       "TLS to the servers of a cluster; never on Unix sockets. What is not set here is as in "
       "server_tls.",
       cluster_tls_settings(), &server_tls_defaults},
      {"databases.*",
       "The databases clients may ask for; '*' stands for every other name. What is not set here "
       "comes from the user or from pool, timeouts and limits.",
       database_settings(), &database_defaults, kDatabasesExample},
      {"users.*",
       "Users with settings of their own, which beat those of databases and pool. Who may log in "
       "is written in auth.file.",
       user_settings(), &user_defaults, kUsersExample},
      {"tls",
       "TLS to clients; never on Unix sockets. A reload reads the files again: new connections get "
       "the new certificate, open ones stay as they are.",
       tls_settings(), &config_defaults},
      {"tls.certificates[]", "More certificates, for clients that ask for other names (SNI).",
       tls_files_settings(), &tls_files_defaults, kTlsFilesExample},
      {"server_tls",
       "TLS to all servers, as far as a cluster has no settings of its own; never on Unix sockets.",
       server_tls_settings(), &config_defaults},
      {"auth", "How clients log in.", auth_settings(), &config_defaults, kAuthExample},
      {"admin", "Who may use the admin console, the database pgsaba (or pgbouncer).",
       admin_settings(), &config_defaults},
      {"http", "Metrics and health over HTTP.", http_settings(), &config_defaults, kHttpExample},
      {"routing", "Reads on standbys.", routing_settings(), &config_defaults},
      {"timeouts", "How long things may take.", timeouts_settings(), &config_defaults},
      {"pool", "Server connections.", pool_default_settings(), &config_defaults},
      {"limits", "Bounds on clients and memory.", limits_settings(), &config_defaults},
      {"tcp", "Options of TCP connections, to clients and servers.", tcp_settings(),
       &config_defaults},
      {"dns", "Looking up the names of servers.", dns_settings(), &config_defaults},
      {"log", "The log.", log_settings(), &config_defaults},
  };
  return all_sections;
}

const Section& section_at(std::string_view path) {
  for (const Section& section : sections()) {
    if (section.path == path) return section;
  }
  std::abort();
}

const Setting* find_setting(const Section& section, std::string_view name) {
  for (const Setting& setting : section.settings) {
    if (setting.name == name) return &setting;
  }
  return nullptr;
}

std::string key_of(const Section& section, const Setting& setting) {
  if (section.path.empty()) return std::string(setting.name);
  return std::string(section.path) + "." + std::string(setting.name);
}

}  // namespace pgsaba::config
