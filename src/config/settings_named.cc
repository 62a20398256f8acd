// The rows of what has a name or stands in a list: listeners, servers, databases, users.
#include <array>

#include "settings_table.h"

namespace pgsaba::config {
namespace {

using table::kMember;

constexpr std::array kListener = {
    Setting{.name = "address",
            .access = kMember<&Listener::address>,
            .changeable = Changeable::kStart,
            .help = "An IPv4 or IPv6 address; 0.0.0.0 and :: are all of the machine."},
    Setting{.name = "port",
            .pgbouncer = "listen_port",
            .kind = Kind::kInteger,
            .access = kMember<&Listener::port>,
            .minimum = 1,
            .maximum = 65535,
            .changeable = Changeable::kStart,
            .help = "The TCP port, or the number in the name of the Unix socket."},
    Setting{.name = "unix",
            .pgbouncer = "unix_socket_dir",
            .kind = Kind::kPath,
            .access = kMember<&Listener::unix_directory>,
            .changeable = Changeable::kStart,
            .help = "Instead of an address: the directory of a Unix socket, or @name for the "
                    "abstract namespace."},
    Setting{.name = "mode",
            .pgbouncer = "unix_socket_mode",
            .kind = Kind::kOctal,
            .access = kMember<&Listener::unix_mode>,
            .maximum = 0777,
            .changeable = Changeable::kStart,
            .help = "The mode of the Unix socket, in octal."},
    Setting{.name = "group",
            .pgbouncer = "unix_socket_group",
            .access = kMember<&Listener::unix_group>,
            .changeable = Changeable::kStart,
            .help = "The group of the Unix socket."},
    Setting{.name = "tls_mode",
            .kind = Kind::kChoice,
            .access = kMember<&Listener::tls_mode>,
            .changeable = Changeable::kStart,
            .choices = kTlsModes,
            .help = "tls.mode for who connects here, instead of that in tls; the certificates are "
                    "the same. On a loopback address disable may do where the network has to "
                    "require."},
};

constexpr std::array kServer = {
    Setting{.name = "name",
            .access = kMember<&ServerAddress::name>,
            .help = "What log and console call it; without one, host:port."},
    Setting{.name = "host",
            .access = kMember<&ServerAddress::host>,
            .help =
                "A name, an address, or the directory of a Unix socket. All addresses of a name "
                "are used in turn, as those of one server."},
    Setting{.name = "port",
            .kind = Kind::kInteger,
            .access = kMember<&ServerAddress::port>,
            .minimum = 1,
            .maximum = 65535,
            .help = "Its port."},
    Setting{.name = "weight",
            .kind = Kind::kInteger,
            .access = kMember<&ServerAddress::weight>,
            .maximum = 1'000'000,
            .help = "Its share of the reads, in comparison with the other servers. 0: none."},
};

constexpr std::array kPeer = {
    Setting{.name = "host",
            .access = kMember<&Peer::host>,
            .help = "A name, an address, or the directory of a Unix socket, where that process "
                    "alone listens."},
    Setting{.name = "port",
            .kind = Kind::kInteger,
            .access = kMember<&Peer::port>,
            .minimum = 1,
            .maximum = 65535,
            .help = "Its port there."},
};

constexpr std::array kMonitor = {
    Setting{.name = "user",
            .access = kMember<&Monitor::user>,
            .help = "Who asks the servers for their role and position."},
    Setting{
        .name = "database", .access = kMember<&Monitor::database>, .help = "The database for it."},
    Setting{.name = "password",
            .kind = Kind::kSecret,
            .access = kMember<&Monitor::password>,
            .help = "The user's password; ${NAME} takes it from the environment."},
    Setting{.name = "password_file",
            .kind = Kind::kSecretFile,
            .access = kMember<&Monitor::password>,
            .help = "A file that holds the password instead."},
    Setting{.name = "interval",
            .kind = Kind::kDuration,
            .access = kMember<&Monitor::interval_us>,
            .minimum = 10 * kMillisecond,
            .maximum = kMaxDuration,
            .help = "How often they are asked."},
    Setting{.name = "catalogue_user",
            .access = kMember<&Monitor::catalogue_user>,
            .help = "Who reads the catalogues of databases whose reads are split; empty is the "
                    "monitor's user. Must be able to connect to these databases, nothing else."},
    Setting{.name = "catalogue_password",
            .kind = Kind::kSecret,
            .access = kMember<&Monitor::catalogue_password>,
            .help = "That user's password; ${NAME} takes it from the environment."},
    Setting{.name = "catalogue_password_file",
            .kind = Kind::kSecretFile,
            .access = kMember<&Monitor::catalogue_password>,
            .help = "A file that holds the password instead."},
};

constexpr std::array kDatabase = {
    Setting{.name = "cluster",
            .access = kMember<&DatabaseSettings::cluster>,
            .changeable = Changeable::kReconnect,
            .help = "The cluster it lives in."},
    Setting{.name = "host",
            .access = kMember<&DatabaseSettings::host>,
            .changeable = Changeable::kReconnect,
            .help = "Instead of a cluster: its only server."},
    Setting{.name = "port",
            .kind = Kind::kInteger,
            .access = kMember<&DatabaseSettings::port>,
            .minimum = 1,
            .maximum = 65535,
            .changeable = Changeable::kReconnect,
            .help = "The port of that server."},
    Setting{.name = "dbname",
            .access = kMember<&DatabaseSettings::dbname>,
            .changeable = Changeable::kReconnect,
            .help = "Its name on the server; empty is the name the client asked for."},
    Setting{.name = "route",
            .kind = Kind::kChoice,
            .access = kMember<&DatabaseSettings::route>,
            .choices = kRoutePolicies,
            .help = "Where statements go: primary; split (proven reads to standbys); "
                    "prefer_replica (so do reads that call functions nobody knows); "
                    "prefer_primary (proven reads go to standbys only while no primary answers); "
                    "replica (everything to a standby, or to the primary while none streams); "
                    "replica_only (everything to a standby; without one statements wait)."},
    Setting{.name = "user",
            .access = kMember<&DatabaseSettings::user>,
            .changeable = Changeable::kReconnect,
            .help = "The server's user for all clients; empty is each client's own."},
    Setting{.name = "password",
            .kind = Kind::kSecret,
            .access = kMember<&DatabaseSettings::password>,
            .changeable = Changeable::kReconnect,
            .help = "That user's password; ${NAME} takes it from the environment."},
    Setting{.name = "password_file",
            .kind = Kind::kSecretFile,
            .access = kMember<&DatabaseSettings::password>,
            .changeable = Changeable::kReconnect,
            .help = "A file that holds the password instead."},
    Setting{
        .name = "application_name",
        .access = kMember<&DatabaseSettings::application_name>,
        .help = "For clients that do not send one; with application_name_mode: force, for all."},
    Setting{.name = "application_name_mode",
            .kind = Kind::kChoice,
            .access = kMember<&DatabaseSettings::application_name_mode>,
            .choices = kApplicationNames,
            .help = "As in pool."},
    Setting{.name = "auth_user",
            .access = kMember<&DatabaseSettings::auth_user>,
            .help = "As auth.user."},
    Setting{.name = "auth_query",
            .access = kMember<&DatabaseSettings::auth_query>,
            .help = "As auth.query."},
    Setting{.name = "auth_dbname",
            .access = kMember<&DatabaseSettings::auth_dbname>,
            .help = "As auth.dbname."},
    Setting{.name = "pool_mode",
            .kind = Kind::kChoice,
            .access = kMember<&DatabaseSettings::pool_mode>,
            .choices = kPoolModes,
            .help = "As in pool."},
    Setting{.name = "pool_size",
            .kind = Kind::kInteger,
            .access = kMember<&DatabaseSettings::pool_size>,
            .help = "As in pool."},
    Setting{.name = "min_pool_size",
            .kind = Kind::kInteger,
            .access = kMember<&DatabaseSettings::min_pool_size>,
            .help = "As in pool."},
    Setting{.name = "reserve_pool_size",
            .kind = Kind::kInteger,
            .access = kMember<&DatabaseSettings::reserve_pool_size>,
            .help = "As in pool."},
    Setting{.name = "max_connections",
            .pgbouncer = "max_db_connections",
            .kind = Kind::kInteger,
            .access = kMember<&DatabaseSettings::max_connections>,
            .help = "Server connections, over all users; as pool.max_db_connections."},
    Setting{.name = "max_client_connections",
            .pgbouncer = "max_db_client_connections",
            .kind = Kind::kInteger,
            .access = kMember<&DatabaseSettings::max_client_connections>,
            .help = "Clients; as limits.max_db_client_connections."},
    Setting{.name = "server_lifetime",
            .kind = Kind::kDuration,
            .access = kMember<&DatabaseSettings::server_lifetime_us>,
            .maximum = kMaxDuration,
            .help = "As in timeouts."},
    Setting{.name = "query_wait",
            .pgbouncer = "query_wait_timeout",
            .kind = Kind::kDuration,
            .access = kMember<&DatabaseSettings::query_wait_us>,
            .maximum = kMaxDuration,
            .help = "As in timeouts."},
};

// A user's row for what `timeouts` says otherwise.
constexpr Setting timeout(std::string_view name, std::string_view pgbouncer, Access access) {
  return {.name = name,
          .pgbouncer = pgbouncer,
          .kind = Kind::kDuration,
          .access = access,
          .maximum = kMaxDuration,
          .help = "As in timeouts."};
}

constexpr std::array kUser = {
    Setting{.name = "route",
            .kind = Kind::kChoice,
            .access = kMember<&UserSettings::route>,
            .choices = kRoutePolicies,
            .help = "As in databases, for what this user does in any of them."},
    Setting{.name = "pool_mode",
            .kind = Kind::kChoice,
            .access = kMember<&UserSettings::pool_mode>,
            .choices = kPoolModes,
            .help = "As in pool."},
    Setting{.name = "pool_size",
            .kind = Kind::kInteger,
            .access = kMember<&UserSettings::pool_size>,
            .help = "As in pool."},
    Setting{.name = "reserve_pool_size",
            .kind = Kind::kInteger,
            .access = kMember<&UserSettings::reserve_pool_size>,
            .help = "As in pool."},
    Setting{.name = "max_user_connections",
            .kind = Kind::kInteger,
            .access = kMember<&UserSettings::max_user_connections>,
            .help = "As in pool."},
    Setting{.name = "max_user_client_connections",
            .kind = Kind::kInteger,
            .access = kMember<&UserSettings::max_user_client_connections>,
            .help = "As in limits."},
    timeout("query_wait", "query_wait_timeout", kMember<&UserSettings::query_wait_us>),
    timeout("query", "query_timeout", kMember<&UserSettings::query_us>),
    timeout("idle_transaction", "idle_transaction_timeout",
            kMember<&UserSettings::idle_transaction_us>),
    timeout("transaction", "transaction_timeout", kMember<&UserSettings::transaction_us>),
    timeout("client_idle", "client_idle_timeout", kMember<&UserSettings::client_idle_us>),
};

}  // namespace

std::span<const Setting> listener_settings() { return kListener; }
std::span<const Setting> server_settings() { return kServer; }
std::span<const Setting> peer_settings() { return kPeer; }
std::span<const Setting> monitor_settings() { return kMonitor; }
std::span<const Setting> database_settings() { return kDatabase; }
std::span<const Setting> user_settings() { return kUser; }

}  // namespace pgsaba::config
