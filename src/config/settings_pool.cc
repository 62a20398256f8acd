// The rows of `timeouts`, `pool` and `limits`.
#include <array>

#include "settings_table.h"

namespace pgsaba::config {
namespace {

using table::kMember;

// One row of `timeouts`, whose rows differ in name, member and help only.
constexpr Setting timeout(std::string_view name, std::string_view pgbouncer, Access access,
                          std::string_view help) {
  return {.name = name,
          .pgbouncer = pgbouncer,
          .kind = Kind::kDuration,
          .access = access,
          .maximum = kMaxDuration,
          .help = help};
}

template <auto Member>
constexpr Access kTimeout = kMember<&Config::timeouts, Member>;

constexpr std::array kTimeouts = {
    timeout("query_wait", "query_wait_timeout", kTimeout<&Timeouts::query_wait_us>,
            "How long a client may wait for a server connection. 0: for ever."),
    timeout("query", "query_timeout", kTimeout<&Timeouts::query_us>,
            "How long a query may run. 0: for ever."),
    timeout("client_idle", "client_idle_timeout", kTimeout<&Timeouts::client_idle_us>,
            "A client idle for longer is closed. 0: never."),
    timeout("idle_transaction", "idle_transaction_timeout",
            kTimeout<&Timeouts::idle_transaction_us>,
            "A client idle in a transaction for longer is closed. 0: never."),
    timeout("transaction", "transaction_timeout", kTimeout<&Timeouts::transaction_us>,
            "How long a transaction may last, also one that is a single statement. 0: for ever."),
    timeout("stalled_message", "", kTimeout<&Timeouts::stalled_message_us>,
            "A client that has a server for a message of which only a part has come, outside of a "
            "transaction, and says nothing for longer is closed. Not for the data of a COPY, which "
            "may come as slowly as it likes. 0: never."),
    timeout("client_login", "client_login_timeout", kTimeout<&Timeouts::client_login_us>,
            "How long a login may take. 0: for ever."),
    timeout("password_check", "", kTimeout<&Timeouts::password_check_us>,
            "How long each question to an LDAP directory may take. 0: for ever."),
    timeout("server_connect", "server_connect_timeout", kTimeout<&Timeouts::server_connect_us>,
            "How long opening a server connection and logging in may take."),
    timeout("server_login_retry", "server_login_retry", kTimeout<&Timeouts::server_login_retry_us>,
            "The pause after a server connection failed to open."),
    timeout("server_lifetime", "server_lifetime", kTimeout<&Timeouts::server_lifetime_us>,
            "A server connection older than this is closed when it is free. 0: after one use."),
    timeout("server_idle", "server_idle_timeout", kTimeout<&Timeouts::server_idle_us>,
            "A server connection idle for longer is closed. 0: never."),
    timeout("cancel_wait", "cancel_wait_timeout", kTimeout<&Timeouts::cancel_wait_us>,
            "How long a cancel request may wait to be forwarded. 0: for ever, and server_connect "
            "for one that is on its way."),
    timeout("autodb_idle", "autodb_idle_timeout", kTimeout<&Timeouts::autodb_idle_us>,
            "A database that came from the entry '*' is forgotten when unused for longer. "
            "0: never."),
    timeout("reserve_pool", "reserve_pool_timeout", kTimeout<&Timeouts::reserve_pool_us>,
            "When a client has waited this long its pool may use its reserve. 0: never."),
    timeout("failover_wait", "", kTimeout<&Timeouts::failover_wait_us>,
            "How long statements wait for a new primary while there is none."),
    timeout("switchover", "", kTimeout<&Timeouts::switchover_us>,
            "How long SWITCHOVER waits for running transactions and for the standby to catch up, "
            "while new statements wait; after that everything stays as it is. And how long it "
            "waits for a standby that was promoted to be seen as the primary."),
    timeout(
        "shutdown", "", kTimeout<&Timeouts::shutdown_us>,
        "How long a shutdown waits for running transactions, or for clients where it was told to. "
        "0: until they end."),
    timeout("upgrade", "", kTimeout<&Timeouts::upgrade_us>,
            "How long the old process serves clients that cannot move to the new one, after an "
            "UPGRADE: those that use TLS, and those that do not come to rest. 0: until they "
            "leave."),
    timeout("pin_idle", "", kTimeout<&Timeouts::pin_idle_us>,
            "A client that keeps its server between transactions (max_pinned_servers) and is idle "
            "for longer is closed. 0: never."),
    timeout("sequence_pin", "", kTimeout<&Timeouts::sequence_pin_us>,
            "How long after nextval() a client keeps its server, so that currval() has its "
            "answer. Shorter where others need the place (max_pinned_servers): then currval() "
            "fails with 55000."),
};

constexpr std::array kPool = {
    Setting{.name = "pool_mode",
            .pgbouncer = "pool_mode",
            .kind = Kind::kChoice,
            .access = kMember<&Config::pool, &PoolDefaults::pool_mode>,
            .choices = kPoolModes,
            .help = "When a server connection becomes free for others: at the end of the "
                    "session, the transaction or the statement."},
    Setting{.name = "pool_size",
            .pgbouncer = "default_pool_size",
            .kind = Kind::kInteger,
            .access = kMember<&Config::pool, &PoolDefaults::pool_size>,
            .help = "Server connections per database and user, in the whole process. 0: no "
                    "limit."},
    Setting{.name = "min_pool_size",
            .pgbouncer = "min_pool_size",
            .kind = Kind::kInteger,
            .access = kMember<&Config::pool, &PoolDefaults::min_pool_size>,
            .help = "Server connections that stay open although nobody uses them: while there are "
                    "clients, and always where the database has a user."},
    Setting{.name = "reserve_pool_size",
            .pgbouncer = "reserve_pool_size",
            .kind = Kind::kInteger,
            .access = kMember<&Config::pool, &PoolDefaults::reserve_pool_size>,
            .help = "More server connections for a pool whose clients waited longer than "
                    "timeouts.reserve_pool."},
    Setting{.name = "max_db_connections",
            .pgbouncer = "max_db_connections",
            .kind = Kind::kInteger,
            .access = kMember<&Config::pool, &PoolDefaults::max_db_connections>,
            .help = "Server connections per database, over all users. 0: no limit."},
    Setting{.name = "max_user_connections",
            .pgbouncer = "max_user_connections",
            .kind = Kind::kInteger,
            .access = kMember<&Config::pool, &PoolDefaults::max_user_connections>,
            .help = "Server connections per user, over all databases. 0: no limit."},
    Setting{.name = "max_prepared_statements",
            .pgbouncer = "max_prepared_statements",
            .kind = Kind::kInteger,
            .access = kMember<&Config::pool, &PoolDefaults::max_prepared_statements>,
            .help = "Prepared statements kept on one server connection. 0: names of statements go "
                    "to servers "
                    "as they are, where others meet them; for clients that name none."},
    Setting{.name = "max_opening_servers",
            .kind = Kind::kInteger,
            .access = kMember<&Config::pool, &PoolDefaults::max_opening_servers>,
            .minimum = 1,
            .help = "Server connections of a pool that may be opening at the same time."},
    Setting{.name = "max_pinned_servers",
            .kind = Kind::kInteger,
            .access = kMember<&Config::pool, &PoolDefaults::max_pinned_servers>,
            .help = "Server connections of a pool that clients may keep between transactions, for "
                    "temporary tables, advisory locks and the like; always fewer than pool_size. "
                    "While so many are kept, a statement that will keep one waits, up to "
                    "timeouts.query_wait. Inside a transaction, or if it was not to be foreseen, "
                    "more may be kept, but the last one of the pool never. Sequences "
                    "(timeouts.sequence_pin) take only what is left of it. 0: no other limit."},
    Setting{.name = "unknown_code",
            .kind = Kind::kChoice,
            .access = kMember<&Config::pool, &PoolDefaults::unknown_code>,
            .choices = kUnknownCodes,
            .help = "What to do after DO, CALL and functions that are not known to leave a session "
                    "as it is: probe (ask the server what changed), reset (give the client a clean "
                    "session, but for what its statements show), or trust (nothing)."},
    Setting{.name = "application_name_mode",
            .kind = Kind::kChoice,
            .access = kMember<&Config::pool, &PoolDefaults::application_name_mode>,
            .choices = kApplicationNames,
            .help = "The application_name that servers show: follow (each client's own), force "
                    "(that of the database's entry, whatever clients say or SET), or add_host (the "
                    "client's own and its address; no two clients have the same then, so it is set "
                    "anew whenever a server changes hands)."},
    Setting{
        .name = "server_round_robin",
        .pgbouncer = "server_round_robin",
        .kind = Kind::kBoolean,
        .access = kMember<&Config::pool, &PoolDefaults::server_round_robin>,
        .help =
            "Use idle server connections in turn instead of the last used first; among those whose "
            "session is like the client's already, if there are such."},
    Setting{.name = "server_reset_query",
            .pgbouncer = "server_reset_query",
            .access = kMember<&Config::pool, &PoolDefaults::server_reset_query>,
            .help = "Sent in session mode when a client leaves its server connection."},
};

constexpr std::array kLimits = {
    Setting{.name = "max_client_connections",
            .pgbouncer = "max_client_conn",
            .kind = Kind::kInteger,
            .access = kMember<&Config::limits, &Limits::max_client_connections>,
            .minimum = 1,
            .help = "Clients in the whole process; the admin console is exempt."},
    Setting{.name = "max_logins_per_address",
            .kind = Kind::kInteger,
            .access = kMember<&Config::limits, &Limits::max_logins_per_address>,
            .help = "Connections from one address that have not logged in yet; Unix sockets are "
                    "exempt. 0: no limit."},
    Setting{.name = "max_db_client_connections",
            .pgbouncer = "max_db_client_connections",
            .kind = Kind::kInteger,
            .access = kMember<&Config::limits, &Limits::max_db_client_connections>,
            .help = "Clients per database. 0: no limit."},
    Setting{.name = "max_user_client_connections",
            .pgbouncer = "max_user_client_connections",
            .kind = Kind::kInteger,
            .access = kMember<&Config::limits, &Limits::max_user_client_connections>,
            .help = "Clients per user. 0: no limit."},
    Setting{.name = "max_cancel_requests",
            .kind = Kind::kInteger,
            .access = kMember<&Config::limits, &Limits::max_cancel_requests>,
            .minimum = 1,
            .help =
                "Cancel requests that a worker has on their way at a time, no more than half "
                "of them, or sixteen, to one server. Others wait for that, each client with one, "
                "up to timeouts.cancel_wait."},
    Setting{.name = "max_message_size",
            .pgbouncer = "max_packet_size",
            .kind = Kind::kSize,
            .access = kMember<&Config::limits, &Limits::max_message_bytes>,
            .minimum = 1024,
            .maximum = std::numeric_limits<std::int32_t>::max(),
            .help = "The longest protocol message that is let through."},
    Setting{.name = "max_prepared_memory",
            .kind = Kind::kSize,
            .access = kMember<&Config::limits, &Limits::max_prepared_bytes>,
            .maximum = std::numeric_limits<std::int64_t>::max(),
            .help = "Memory for the prepared statements of all clients and their names for them. "
                    "Once it is used up, a client that prepares another one gets an error. 0: no "
                    "limit."},
    Setting{.name = "listen_backlog",
            .pgbouncer = "listen_backlog",
            .kind = Kind::kInteger,
            .access = kMember<&Config::limits, &Limits::listen_backlog>,
            .minimum = 1,
            .maximum = 65535,
            .changeable = Changeable::kStart,
            .help = "Connections the kernel queues before we accept them."},
};

}  // namespace

std::span<const Setting> timeouts_settings() { return kTimeouts; }
std::span<const Setting> pool_default_settings() { return kPool; }
std::span<const Setting> limits_settings() { return kLimits; }

}  // namespace pgsaba::config
