// The settings of the whole process as one value. Built once by load(), never changed afterwards:
// a reload builds a new one and swaps the shared_ptr<const Config> between two turns of a loop.
// Any thread may read it. Units are in the names (_us microseconds, _bytes bytes). A time limit of
// 0 means "off", as in PgBouncer; a limit on connections of 0 means "none". The initial values
// below are the defaults: sample, manual and SHOW CONFIG read them from here.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "pgsaba/base/clock.h"

namespace pgsaba::config {

// The order of the enumerators is the order of the words in the settings table.
enum class PoolMode : std::uint8_t { kSession, kTransaction, kStatement };
enum class RoutePolicy : std::uint8_t {
  kPrimary,
  kReplica,
  kSplit,
  kReplicaOnly,
  kPreferReplica,
  kPreferPrimary,
};
// What is done about code that may change a session out of sight: nothing, ask, or clean.
enum class UnknownCode : std::uint8_t { kTrust, kProbe, kReset };
enum class ApplicationName : std::uint8_t { kFollow, kForce, kAddHost };
enum class AuthType : std::uint8_t {
  kTrust,
  kPlain,
  kMd5,
  kScramSha256,
  kHba,
  kCert,
  kPeer,
  kPam,
  kLdap,
};
// How workers ask the kernel to read and write.
enum class NetworkKind : std::uint8_t { kAuto, kEpoll, kUring };
// From whom a password in clear text is taken: from those whom nobody can listen to, or anybody.
enum class PlainPasswords : std::uint8_t { kProtected, kAlways };
enum class ReadYourWrites : std::uint8_t { kOff, kSession, kDatabase };
enum class LogLevel : std::uint8_t { kDebug, kInfo, kWarning, kError };
enum class LogFormat : std::uint8_t { kText, kJson };
enum class TlsMode : std::uint8_t {
  kDisable,
  kAllow,
  kPrefer,
  kRequire,
  kVerifyCa,    // and the other side's certificate is signed by `ca`
  kVerifyFull,  // and made out to the host that was meant, or to the user
};
enum class TlsVersion : std::uint8_t { k12, k13 };
enum class ChannelBinding : std::uint8_t { kDisable, kPrefer, kRequire };

// Where clients connect: a TCP address, or (unix_directory not empty) a socket in a directory.
// A directory that starts with '@' is a name in Linux's abstract namespace.
struct Listener {
  std::string address = {};
  std::uint16_t port = 6432;
  std::string unix_directory = {};
  std::uint32_t unix_mode = 0777;
  std::string unix_group = {};
  std::optional<TlsMode> tls_mode = {};  // that of `tls`, if it is not set

  bool is_unix() const { return !unix_directory.empty(); }
  bool operator==(const Listener&) const = default;
};

// One PostgreSQL server. A host that starts with '/' is the directory of its Unix socket.
struct ServerAddress {
  std::string name = {};
  std::string host = {};
  std::uint16_t port = 5432;
  std::int32_t weight = 1;

  bool operator==(const ServerAddress&) const = default;
};

inline constexpr std::uint32_t kMostPeers = 127;  // the highest peer_id

// Another pgsaba whose clients' cancel requests may come to us, at a place that is its alone. A
// host that starts with '/' is the directory of its Unix socket.
struct Peer {
  std::string host = {};
  std::uint16_t port = 6432;

  bool operator==(const Peer&) const = default;
};

// How the control thread asks a cluster's servers about roles and lag.
struct Monitor {
  std::string user = {};
  std::string database = "postgres";
  std::string password = {};
  Micros interval_us = kSecond;
  std::string catalogue_user = {};  // empty: `user`, with its password
  std::string catalogue_password = {};

  bool operator==(const Monitor&) const = default;
};

// A certificate with the chain behind it, and its key: PEM files.
struct TlsFiles {
  std::string certificate = {};
  std::string key = {};

  bool operator==(const TlsFiles&) const = default;
};

// What both sides have in common. The lists are OpenSSL's.
struct TlsSettings {
  TlsMode mode = TlsMode::kPrefer;
  TlsFiles files = {};
  std::string ca = {};
  std::string crl = {};
  std::string crl_directory = {};
  TlsVersion minimum_version = TlsVersion::k12;
  TlsVersion maximum_version = TlsVersion::k13;
  std::string ciphers = "ECDHE+AESGCM:ECDHE+CHACHA20";
  std::string ciphersuites =
      "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
  std::string curves = "X25519:P-256:P-384";

  bool verifies() const { return mode >= TlsMode::kVerifyCa; }
  bool operator==(const TlsSettings&) const = default;
};

// To clients: without a certificate there is no TLS.
struct ClientTls {
  TlsSettings settings = {};
  std::vector<TlsFiles> more = {};  // for clients that ask for other names (SNI)

  bool operator==(const ClientTls&) const = default;
};

// To the servers of a cluster.
struct ServerTls {
  TlsSettings settings = {};
  ChannelBinding channel_binding = ChannelBinding::kPrefer;

  bool operator==(const ServerTls&) const = default;
};

struct Cluster {
  std::vector<ServerAddress> servers = {};  // never empty
  Monitor monitor = {};
  ServerTls tls = {};
  bool anonymous = false;  // made from a database's host and port

  bool operator==(const Cluster&) const = default;
};

// One name that clients may ask for. What is not set here comes from the user or from `pool`,
// `timeouts` and `limits`: ask pool_settings() instead of reading those members.
struct DatabaseSettings {
  std::string cluster = {};  // after loading always a key of Config::clusters
  std::string host = {};
  std::uint16_t port = 5432;
  std::string dbname = {};  // empty: the name the client asked for
  RoutePolicy route = RoutePolicy::kPrimary;
  std::string user = {};  // forced user; empty: the client's own
  std::string password = {};
  std::string application_name = {};
  std::optional<ApplicationName> application_name_mode = {};
  std::string auth_user = {};  // these three as in Auth, where they are empty
  std::string auth_query = {};
  std::string auth_dbname = {};
  std::optional<PoolMode> pool_mode = {};
  std::optional<std::int32_t> pool_size = {};
  std::optional<std::int32_t> min_pool_size = {};
  std::optional<std::int32_t> reserve_pool_size = {};
  std::optional<std::int32_t> max_connections = {};
  std::optional<std::int32_t> max_client_connections = {};
  std::optional<Micros> server_lifetime_us = {};
  std::optional<Micros> query_wait_us = {};

  bool operator==(const DatabaseSettings&) const = default;
};

struct UserSettings {
  std::optional<RoutePolicy> route = {};
  std::optional<PoolMode> pool_mode = {};
  std::optional<std::int32_t> pool_size = {};
  std::optional<std::int32_t> reserve_pool_size = {};
  std::optional<std::int32_t> max_user_connections = {};
  std::optional<std::int32_t> max_user_client_connections = {};
  std::optional<Micros> query_wait_us = {};
  std::optional<Micros> query_us = {};
  std::optional<Micros> idle_transaction_us = {};
  std::optional<Micros> transaction_us = {};
  std::optional<Micros> client_idle_us = {};

  bool operator==(const UserSettings&) const = default;
};

// The types that stand for a rule instead of a secret of ours: HostAccess has that rule.
inline bool stands_for_rule(AuthType type) {
  return type == AuthType::kCert || type == AuthType::kPeer || type == AuthType::kPam ||
         type == AuthType::kLdap;
}

struct Auth {
  AuthType type = AuthType::kScramSha256;
  std::string options = {};  // what a rule with this type as its method would have behind it
  PlainPasswords plain_passwords = PlainPasswords::kProtected;
  Micros failure_pause_us = 5 * kSecond;  // the longest; 0: none
  std::string file = {};
  std::string previous_file = {};
  std::string hba_file = {};
  std::string ident_file = {};
  // Users that the file does not list are asked for on a server, by this user; empty: they are not.
  std::string user = {};
  std::string password = {};
  std::string dbname = {};  // empty: the client's database
  std::string query =
      "SELECT rolname, CASE WHEN rolvaliduntil < now() THEN NULL ELSE rolpassword END "
      "FROM pg_catalog.pg_authid WHERE rolname = $1 AND rolcanlogin";
  Micros query_ttl_us = 30 * kSecond;
  Micros secret_ttl_us = 600 * kSecond;
};

struct Admin {
  std::vector<std::string> users = {};
  std::vector<std::string> stats_users = {};
  std::string hba_file = {};
};

struct Http {
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;  // 0: no HTTP
  std::string user = {};   // empty: everybody may look
  std::string password = {};
  TlsFiles files = {};  // none: in clear text
  std::string ca = {};  // who signs the certificates that are asked for; empty: none are

  bool has_tls() const { return !files.certificate.empty(); }
};

struct Routing {
  ReadYourWrites read_your_writes = ReadYourWrites::kDatabase;
  Micros causal_wait_us = 20 * kMillisecond;
  Micros max_lag_us = 10 * kSecond;
  Micros catalogue_interval_us = 60 * kSecond;  // 0: nobody looks into catalogues
  bool trust_declarations = false;
  std::int32_t max_spilled_reads = 0;
  bool xact_status = false;
  // Names as they are written in SQL (catalog_name.h); a function may have a schema.
  std::vector<std::string> allow_functions = {};
  std::vector<std::string> deny_functions = {};
  std::vector<std::string> deny_relations = {};
};

struct Timeouts {
  Micros query_wait_us = 120 * kSecond;
  Micros query_us = 0;
  Micros client_idle_us = 0;
  Micros idle_transaction_us = 0;
  Micros transaction_us = 0;
  Micros stalled_message_us = 60 * kSecond;
  Micros client_login_us = 60 * kSecond;
  Micros password_check_us = 10 * kSecond;
  Micros server_connect_us = 15 * kSecond;
  Micros server_login_retry_us = 15 * kSecond;
  Micros server_lifetime_us = 3600 * kSecond;  // 0: a server connection is used once
  Micros server_idle_us = 600 * kSecond;
  Micros cancel_wait_us = 10 * kSecond;
  Micros autodb_idle_us = 3600 * kSecond;
  Micros reserve_pool_us = 5 * kSecond;  // 0: the reserve is not used
  Micros failover_wait_us = 30 * kSecond;
  Micros switchover_us = 30 * kSecond;
  Micros shutdown_us = 0;
  Micros upgrade_us = 3600 * kSecond;
  Micros pin_idle_us = 3600 * kSecond;
  Micros sequence_pin_us = 1 * kSecond;
};

// The server side of a pool.
struct PoolDefaults {
  PoolMode pool_mode = PoolMode::kTransaction;
  std::int32_t pool_size = 20;  // 0: no limit
  std::int32_t min_pool_size = 0;
  std::int32_t reserve_pool_size = 0;
  std::int32_t max_db_connections = 0;
  std::int32_t max_user_connections = 0;
  std::int32_t max_prepared_statements = 200;
  std::int32_t max_opening_servers = 64;
  std::int32_t max_pinned_servers = 10;
  UnknownCode unknown_code = UnknownCode::kProbe;
  ApplicationName application_name_mode = ApplicationName::kFollow;
  bool server_round_robin = false;
  std::string server_reset_query = "DISCARD ALL";
};

// The client side, and what bounds our memory.
struct Limits {
  std::int32_t max_client_connections = 1000;
  std::int32_t max_logins_per_address = 0;
  std::int32_t max_db_client_connections = 0;
  std::int32_t max_user_client_connections = 0;
  std::int32_t max_cancel_requests = 100;
  std::int64_t max_message_bytes = 1024LL * 1024 * 1024;
  std::int64_t max_prepared_bytes = 256LL * 1024 * 1024;  // 0: no limit
  std::int32_t listen_backlog = 1024;
};

// 0 leaves a value to the operating system.
struct Tcp {
  bool keepalive = true;
  Micros keepidle_us = 0;
  Micros keepintvl_us = 0;
  std::int32_t keepcnt = 0;
  Micros user_timeout_us = 0;
};

struct Dns {
  Micros max_ttl_us = 15 * kSecond;
  Micros nxdomain_ttl_us = 15 * kSecond;
};

struct Log {
  LogLevel level = LogLevel::kInfo;
  LogFormat format = LogFormat::kText;
  std::string file = {};  // empty: standard error
  bool syslog = false;
  std::string syslog_ident = "pgsaba";
  bool connections = true;
  bool disconnections = true;
  bool pooler_errors = true;
  bool stats = true;
  Micros stats_period_us = 60 * kSecond;
};

// Lets a map be searched with a string_view.
struct NameHash {
  using is_transparent = void;  // NOLINT(readability-identifier-naming): the library's word
  std::size_t operator()(std::string_view name) const {
    return std::hash<std::string_view>()(name);
  }
};

struct Config {
  std::string path = {};     // the file given to load()
  std::int32_t workers = 0;  // 0: one per core
  NetworkKind network = NetworkKind::kAuto;
  std::string user = {};  // whom root becomes; empty: nobody
  bool core_dumps = false;
  bool reuse_port = false;  // other processes listen on the same TCP ports
  std::uint32_t peer_id = 0;
  std::map<std::uint32_t, Peer> peers = {};  // by id; this process may be among them
  std::vector<Listener> listen = {};
  std::map<std::string, Cluster, std::less<>> clusters = {};
  std::map<std::string, DatabaseSettings, std::less<>> databases = {};
  // One entry per user with settings of its own, not per known user.
  std::unordered_map<std::string, UserSettings, NameHash, std::equal_to<>> users = {};
  ClientTls tls = {};
  ServerTls server_tls = {};  // of clusters and databases that do not say otherwise
  Auth auth = {};
  Admin admin = {};
  Http http = {};
  Routing routing = {};
  Timeouts timeouts = {};
  PoolDefaults pool = {};
  Limits limits = {};
  Tcp tcp = {};
  Dns dns = {};
  Log log = {};
};

// The database a client's name stands for: its own entry, or "*", or none.
const DatabaseSettings* find_database(const Config& config, std::string_view name);
const UserSettings* find_user(const Config& config, std::string_view name);
// Of what `user`, as the client logged in, does in the database: the user's word is the stronger.
RoutePolicy route_of(const Config& config, const DatabaseSettings& database, std::string_view user);

// Of clients that come in at this listener; never on Unix sockets.
TlsMode tls_mode_of(const Config& config, const Listener& listener);
// Of clients that came in at this address of ours, as numbers.
TlsMode tls_mode_at(const Config& config, std::string_view host, std::uint16_t port);
// There is a certificate, and somewhere it is offered.
bool offers_tls(const Config& config);

// The names of the admin console, which no database may have.
bool is_admin_database(std::string_view name);

}  // namespace pgsaba::config
