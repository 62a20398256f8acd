#include "cross_checks.h"

#include <arpa/inet.h>

#include <algorithm>
#include <set>

#include "pgsaba/config/catalog_name.h"
#include "pgsaba/config/pool_settings.h"
#include "settings_table.h"
#include "suggestion.h"

namespace pgsaba::config {
namespace {

constexpr std::size_t kMaxSocketPathBytes = 107;  // sockaddr_un
constexpr std::size_t kMaxNameBytes = 63;         // PostgreSQL's NAMEDATALEN - 1

std::string quoted(std::string_view text) { return "'" + std::string(text) + "'"; }

std::string host_and_port(const std::string& host, std::uint16_t port) {
  const bool v6 = !host.starts_with('/') && host.find(':') != std::string::npos;
  return (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

bool is_loopback(const std::string& address) {
  return address.starts_with("127.") || address == "::1" || address == "localhost";
}

void check_unix_listener(const Listener& listener, const Place& place, Problems& problems) {
  const bool abstract = listener.unix_directory.starts_with('@');
  const std::string socket = listener.unix_directory + "/.s.PGSQL." + std::to_string(listener.port);
  if (!listener.address.empty()) {
    problems.error(place, "a listener has either an address or a unix directory, not both");
  } else if (!abstract && !listener.unix_directory.starts_with('/')) {
    problems.error(place, "unix must be an absolute directory or @name");
  } else if (socket.size() > kMaxSocketPathBytes) {
    problems.error(place, "the path of the Unix socket is too long: " + socket);
  } else if (abstract && !listener.unix_group.empty()) {
    problems.error(place, "a socket in the abstract namespace has no group");
  }
}

bool is_numeric(std::string_view address) {
  if (address.starts_with('[') && address.ends_with(']'))
    address = address.substr(1, address.size() - 2);
  const std::string host(address);
  const std::string without_zone = host.substr(0, host.find('%'));
  in6_addr room{};
  return ::inet_pton(AF_INET, host.c_str(), &room) == 1 ||
         ::inet_pton(AF_INET6, without_zone.c_str(), &room) == 1;
}

void check_address(const std::string& address, const Place& place, Problems& problems) {
  if (address == "*" || address == "localhost" || is_numeric(address)) return;
  problems.error(place, quoted(address) + " is not a numeric address",
                 "write an IPv4 or IPv6 address of this machine, localhost, or * for all");
}

// The database's own line for `name`, or the database's.
Place database_place(const Places& places, const std::string& database, std::string_view name) {
  return place_of(places, "databases." + database + "." + std::string(name));
}

void check_target(const Config& config, const std::string& name, const DatabaseSettings& database,
                  const Places& places, Problems& problems) {
  const bool has_port = places.contains("databases." + name + ".port");
  if (!database.host.empty() && places.contains("databases." + name + ".cluster")) {
    problems.error(database_place(places, name, "host"),
                   "databases." + name + " has either a cluster or a host, not both");
    return;
  }
  if (has_port && database.host.empty()) {
    problems.error(database_place(places, name, "port"),
                   "databases." + name + " has a port but no host");
  }
  if (database.cluster.empty()) {
    problems.error(database_place(places, name, "cluster"),
                   "databases." + name + " needs a cluster or a host");
    return;
  }
  if (config.clusters.contains(database.cluster)) return;
  std::vector<std::string_view> known;
  for (const auto& [cluster, servers] : config.clusters) {
    if (!servers.anonymous) known.push_back(cluster);
  }
  const std::string_view near = nearest(database.cluster, known);
  problems.error(database_place(places, name, "cluster"),
                 "databases." + name + ": there is no cluster " + quoted(database.cluster),
                 near.empty() ? "" : "did you mean " + quoted(near) + "?");
}

void check_two_passwords(const Places& places, const std::string& where, Problems& problems) {
  const auto file = places.find(where + ".password_file");
  if (file == places.end() || !places.contains(where + ".password")) return;
  problems.error(file->second, where + " has either a password or a password_file, not both");
}

void check_catalogue_user(const Monitor& monitor, const std::string& where, const Places& places,
                          Problems& problems) {
  const auto file = places.find(where + ".catalogue_password_file");
  if (file != places.end() && places.contains(where + ".catalogue_password")) {
    problems.error(file->second, where +
                                     " has either a catalogue_password or a "
                                     "catalogue_password_file, not both");
  }
  if (monitor.catalogue_user.empty() && !monitor.catalogue_password.empty()) {
    problems.error(place_of(places, where + ".catalogue_password"),
                   where + " has a catalogue_password but no catalogue_user");
  }
}

void check_database(const Config& config, const std::string& name, const DatabaseSettings& database,
                    const Places& places, Problems& problems) {
  const Place place = place_of(places, "databases." + name);
  if (name.empty()) problems.error(place, "a database without a name");
  if (is_admin_database(name)) {
    problems.error(place,
                   "the database name " + quoted(name) + " is reserved for the admin console");
  }
  if (name.size() > kMaxNameBytes) {
    problems.error(place, "the database name " + quoted(name) + " is too long",
                   "PostgreSQL allows 63 bytes");
  }
  check_target(config, name, database, places, problems);
  check_two_passwords(places, "databases." + name, problems);
  if (database.user.empty() && !database.password.empty()) {
    problems.error(database_place(places, name, "password"),
                   "databases." + name + " has a password but no user");
  }
}

void check_pool_limits(const Config& config, const std::string& name,
                       const DatabaseSettings& database, const Places& places, Problems& problems) {
  const PoolSettings pool = pool_settings(config, database, nullptr);
  const std::int64_t size = std::int64_t{pool.pool_size} + pool.reserve_pool_size;
  if (pool.max_db_connections > 0 && (pool.pool_size == 0 || size > pool.max_db_connections)) {
    problems.warning(database_place(places, name, "max_connections"),
                     "databases." + name + ": a pool may grow to " +
                         (pool.pool_size == 0 ? "any size" : std::to_string(size)) +
                         ", but the database is limited to " +
                         std::to_string(pool.max_db_connections) + " server connections");
  }
  if (pool.pool_size > 0 && pool.min_pool_size > pool.pool_size) {
    problems.warning(database_place(places, name, "min_pool_size"),
                     "databases." + name + ": min_pool_size is larger than pool_size");
  }
}

void check_user_limits(const Config& config, const std::string& name, const UserSettings& user,
                       const Places& places, Problems& problems) {
  const Place place = place_of(places, "users." + name);
  const std::int32_t servers = user.max_user_connections.value_or(config.pool.max_user_connections);
  const std::int32_t size = user.pool_size.value_or(config.pool.pool_size);
  if (servers > 0 && user.pool_size && size > servers) {
    problems.warning(place, "users." + name + ": pool_size is larger than max_user_connections");
  }
  const std::int32_t clients = user.max_user_client_connections.value_or(0);
  if (clients > config.limits.max_client_connections) {
    problems.warning(place, "users." + name +
                                ": max_user_client_connections is larger than "
                                "limits.max_client_connections");
  }
}

// `schemas`: a name may have one.
void check_names(const std::vector<std::string>& names, const std::string& key, bool schemas,
                 const Places& places, Problems& problems) {
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto item = places.find(key + "[" + std::to_string(i + 1) + "]");
    const Place place = item != places.end() ? item->second : place_of(places, key);
    const auto name = read_catalog_name(names[i]);
    if (!name) {
      problems.error(place, key + ": " + quoted(names[i]) + " is no name",
                     schemas ? "write a function as it is called, without parentheses: vat, "
                               "app.vat or \"Vat\""
                             : "write it as in SQL: vat or \"Vat\"");
    } else if (!schemas && !name->schema.empty()) {
      problems.error(place, key + ": " + quoted(names[i]) + " has a schema",
                     "without one, it counts in every schema");
    }
  }
}

void check_files(const TlsFiles& files, const std::string& where, const Places& places,
                 Problems& problems) {
  if (files.certificate.empty() == files.key.empty()) return;
  const bool key = files.certificate.empty();
  problems.error(place_of(places, where + (key ? ".key" : ".certificate")),
                 where + " has a " + (key ? "key but no certificate" : "certificate but no key"));
}

void check_tls_settings(const TlsSettings& tls, const std::string& where, const Places& places,
                        Problems& problems) {
  check_files(tls.files, where, places, problems);
  if (tls.minimum_version > tls.maximum_version) {
    problems.error(place_of(places, where + ".minimum_version"),
                   where + ": minimum_version is higher than maximum_version");
  }
  if (tls.verifies() && tls.ca.empty()) {
    problems.error(place_of(places, where + ".mode"), where + ".ca is missing",
                   "without it no certificate can be verified");
  }
  const bool revokes = !tls.crl.empty() || !tls.crl_directory.empty();
  if (revokes && tls.ca.empty()) {
    problems.error(place_of(places, where + (tls.crl.empty() ? ".crl_directory" : ".crl")),
                   where + " has revoked certificates but no ca",
                   "only what ca has signed is looked up in a list of revoked certificates");
  }
}

void check_server_tls(const TlsSettings& tls, const std::string& where, const Places& places,
                      Problems& problems) {
  check_tls_settings(tls, where, places, problems);
  if (tls.ca.empty() || !places.contains(where + ".ca") || tls.verifies()) return;
  problems.warning(place_of(places, where + ".ca"),
                   where + ": ca is not used, for the mode verifies nothing",
                   "verify-full is what keeps out whoever stands in between");
}

// What a cluster does not say of TLS, the process says for all.
void inherit_tls(const std::string& name, Cluster& cluster, Config& config, const Places& places) {
  const auto own = cluster_tls_settings();
  const auto general = server_tls_settings();
  for (std::size_t i = 0; i < own.size(); ++i)
    if (!places.contains("clusters." + name + ".tls." + std::string(own[i].name)))
      own[i].access.store(&cluster.tls, general[i].access.load(&config));
}

}  // namespace

void complete(Config& config, const Places& places) {
  if (config.listen.empty()) config.listen.push_back({.address = "127.0.0.1"});
  for (auto& [name, cluster] : config.clusters) {
    for (ServerAddress& server : cluster.servers) {
      if (server.name.empty()) server.name = host_and_port(server.host, server.port);
    }
  }
  for (auto& [name, database] : config.databases) {
    if (database.host.empty() || !database.cluster.empty()) continue;
    // Databases with the same host and port share a cluster. No cluster of the file's own can
    // have this name: ':' is not allowed there.
    database.cluster = host_and_port(database.host, database.port);
    Cluster& cluster = config.clusters[database.cluster];
    cluster.anonymous = true;
    cluster.servers = {{.name = database.cluster, .host = database.host, .port = database.port}};
  }
  for (auto& [name, cluster] : config.clusters) inherit_tls(name, cluster, config, places);
}

void check_listeners(const Config& config, const Places& places, Problems& problems) {
  std::set<std::string> known;
  for (std::size_t i = 0; i < config.listen.size(); ++i) {
    const Listener& listener = config.listen[i];
    const Place place = place_of(places, "listen[" + std::to_string(i + 1) + "]");
    if (listener.is_unix()) {
      check_unix_listener(listener, place, problems);
    } else if (listener.address.empty()) {
      problems.error(place, "a listener needs an address or a unix directory");
    } else {
      check_address(listener.address, place, problems);
    }
    const std::string name = host_and_port(
        listener.is_unix() ? listener.unix_directory + "/" : listener.address, listener.port);
    if (!known.insert(name).second) problems.error(place, "two listeners on " + name);
  }
}

namespace {

// Whoever else listens on a TCP port of ours may get what was meant for the peer.
bool is_shared_place(const Config& config, const Peer& peer) {
  return config.reuse_port && std::ranges::any_of(config.listen, [&](const Listener& listener) {
           return !listener.is_unix() && listener.address == peer.host &&
                  listener.port == peer.port;
         });
}

void check_peer(const Config& config, std::uint32_t id, const Peer& peer, const Places& places,
                Problems& problems) {
  const std::string where = "peers." + std::to_string(id);
  if (peer.host.empty()) problems.error(place_of(places, where), where + " has no host");
  if (id != config.peer_id && is_shared_place(config, peer))
    problems.error(place_of(places, where + ".host"),
                   where + " is at an address that this process listens on, too",
                   "a peer needs a place that is its alone: a Unix socket, or another port");
}

}  // namespace

void check_peers(const Config& config, const Places& places, Problems& problems) {
  for (const auto& [id, peer] : config.peers) check_peer(config, id, peer, places, problems);
  if (!config.peers.empty() && config.peer_id == 0)
    problems.error(place_of(places, "peers"), "peer_id is missing",
                   "without it, no peer knows which cancel keys are of this process");
  const bool others = std::ranges::any_of(
      config.peers, [&](const auto& peer) { return peer.first != config.peer_id; });
  if (config.reuse_port && !others)
    problems.warning(place_of(places, "reuse_port"),
                     "reuse_port without peers: a cancel request that comes to another process is "
                     "lost",
                     "give each process a peer_id, and list all of them in peers");
  const bool splits = std::ranges::any_of(config.databases, [](const auto& database) {
    return database.second.route != RoutePolicy::kPrimary;
  });
  if (others && splits && config.routing.read_your_writes == ReadYourWrites::kDatabase)
    problems.warning(place_of(places, "peers"),
                     "routing.read_your_writes covers what was written through the same process",
                     "a client that writes through one of peers and reads through another may read "
                     "on a standby that does not have it yet");
}

void check_clusters(const Config& config, const Places& places, Problems& problems) {
  for (const auto& [name, cluster] : config.clusters) {
    if (cluster.anonymous) continue;
    const std::string where = "clusters." + name;
    const Place place = place_of(places, where);
    if (name.empty() || name.find(':') != std::string::npos) {
      problems.error(place, "the cluster name " + quoted(name) + " is empty or contains ':'");
    }
    if (cluster.servers.empty()) problems.error(place, where + " has no servers");
    std::set<std::string_view> known;
    for (std::size_t i = 0; i < cluster.servers.size(); ++i) {
      const Place at = place_of(places, where + ".servers[" + std::to_string(i + 1) + "]");
      const ServerAddress& server = cluster.servers[i];
      if (server.host.empty()) problems.error(at, "a server of " + where + " has no host");
      if (!known.insert(server.name).second) {
        problems.error(at, where + " has two servers called " + quoted(server.name));
      }
    }
    check_two_passwords(places, where + ".monitor", problems);
    if (places.contains(where + ".tls"))
      check_server_tls(cluster.tls.settings, where + ".tls", places, problems);
    check_catalogue_user(cluster.monitor, where + ".monitor", places, problems);
  }
}

void check_databases(const Config& config, const Places& places, Problems& problems) {
  if (config.databases.empty()) {
    problems.warning(place_of(places, "databases"), "there are no databases");
  }
  for (const auto& [name, database] : config.databases) {
    check_database(config, name, database, places, problems);
  }
}

namespace {

void check_http(const Http& http, const Places& places, Problems& problems) {
  check_two_passwords(places, "http", problems);
  check_files(http.files, "http", places, problems);
  if (http.user.empty() != http.password.empty())
    problems.error(place_of(places, "http.user"), http.user.empty()
                                                      ? "http has a password but no user"
                                                      : "http has a user but no password");
  if (!http.ca.empty() && http.files.certificate.empty())
    problems.error(place_of(places, "http.ca"), "http has a ca but no certificate",
                   "certificates are only shown over TLS");
  if (http.user.empty() || !http.files.certificate.empty() || is_loopback(http.address)) return;
  problems.warning(place_of(places, "http.user"),
                   "http.password is sent in clear text to " + quoted(http.address),
                   "with http.certificate the pages are served over HTTPS");
}

// What a type that stands for a rule needs to let anybody in.
void check_type(const Config& config, const Places& places, Problems& problems) {
  const AuthType type = config.auth.type;
  const bool certificates = offers_tls(config) && !config.tls.settings.ca.empty();
  if (type == AuthType::kCert && !certificates)
    problems.error(place_of(places, "auth.type"),
                   "auth.type is cert, but tls has no certificate or no ca",
                   "without them no client can show a certificate");
  if (type == AuthType::kPeer && std::ranges::none_of(config.listen, &Listener::is_unix))
    problems.error(place_of(places, "auth.type"),
                   "auth.type is peer, but nobody listens on a Unix socket",
                   "only there is known whose process a client is");
}

}  // namespace

void check_login(const Config& config, const Places& places, Problems& problems) {
  check_two_passwords(places, "auth", problems);
  if (const auto file = places.find("auth.options_file");
      file != places.end() && places.contains("auth.options"))
    problems.error(file->second, "auth has either options or an options_file, not both");
  check_http(config.http, places, problems);
  if (!config.auth.options.empty() && !stands_for_rule(config.auth.type))
    problems.warning(place_of(places, "auth.options"),
                     "auth.options is for the types cert, peer, pam and ldap");
  if (config.auth.type == AuthType::kHba) {
    if (config.auth.hba_file.empty())
      problems.error(place_of(places, "auth.type"), "auth.hba_file is missing",
                     "type hba asks its rules who may log in");
    return;
  }
  if (!config.auth.hba_file.empty())
    problems.warning(place_of(places, "auth.hba_file"),
                     "the rules in auth.hba_file are not asked: auth.type is not hba");
  if (stands_for_rule(config.auth.type)) return check_type(config, places, problems);
  if (config.auth.type != AuthType::kTrust) {
    if (config.auth.file.empty() && config.auth.user.empty()) {
      problems.error(place_of(places, "auth.type"), "auth.file is missing",
                     "without it nobody can log in");
    }
    return;
  }
  for (std::size_t i = 0; i < config.listen.size(); ++i) {
    const Listener& listener = config.listen[i];
    if (listener.is_unix() || is_loopback(listener.address)) continue;
    problems.warning(place_of(places, "listen[" + std::to_string(i + 1) + "]"),
                     "auth.type is trust: whoever reaches " + quoted(listener.address) +
                         " can log in as anybody");
  }
}

namespace {

void check_listener_tls(const Config& config, const Listener& listener, const std::string& where,
                        const Places& places, Problems& problems) {
  const Place place = place_of(places, where + ".tls_mode");
  const TlsSettings& tls = config.tls.settings;
  if (listener.is_unix())
    return problems.error(place, where + " has a tls_mode, but there is no TLS on Unix sockets");
  if (*listener.tls_mode >= TlsMode::kRequire && tls.files.certificate.empty())
    problems.error(place, "tls.certificate is missing",
                   "without one nobody can connect with TLS, and the tls_mode of " + where +
                       " lets in nobody else");
  if (*listener.tls_mode >= TlsMode::kVerifyCa && tls.ca.empty())
    problems.error(
        place, "tls.ca is missing",
        "without it no certificate can be verified, as the tls_mode of " + where + " wants it");
}

}  // namespace

void check_tls(const Config& config, const Places& places, Problems& problems) {
  check_server_tls(config.server_tls.settings, "server_tls", places, problems);
  const ClientTls& tls = config.tls;
  check_tls_settings(tls.settings, "tls", places, problems);
  for (std::size_t i = 0; i < tls.more.size(); ++i) {
    const std::string where = "tls.certificates[" + std::to_string(i + 1) + "]";
    check_files(tls.more[i], where, places, problems);
    if (tls.more[i] == TlsFiles{})
      problems.error(place_of(places, where), where + " needs a certificate and a key");
  }
  if (tls.settings.mode >= TlsMode::kRequire && tls.settings.files.certificate.empty()) {
    problems.error(place_of(places, "tls.mode"), "tls.certificate is missing",
                   "without one nobody can connect with TLS, and the mode lets in nobody else");
  }
  for (std::size_t i = 0; i < config.listen.size(); ++i)
    if (config.listen[i].tls_mode)
      check_listener_tls(config, config.listen[i], "listen[" + std::to_string(i + 1) + "]", places,
                         problems);
}

void check_routing(const Config& config, const Places& places, Problems& problems) {
  const Routing& routing = config.routing;
  check_names(routing.allow_functions, "routing.allow_functions", true, places, problems);
  check_names(routing.deny_functions, "routing.deny_functions", false, places, problems);
  check_names(routing.deny_relations, "routing.deny_relations", false, places, problems);
}

void check_limits(const Config& config, const Places& places, Problems& problems) {
  if (config.limits.max_user_client_connections > config.limits.max_client_connections) {
    problems.warning(place_of(places, "limits.max_user_client_connections"),
                     "limits.max_user_client_connections is larger than max_client_connections");
  }
  for (const auto& [name, database] : config.databases) {
    check_pool_limits(config, name, database, places, problems);
  }
  for (const auto& [name, user] : config.users) {
    check_user_limits(config, name, user, places, problems);
  }
}

}  // namespace pgsaba::config
