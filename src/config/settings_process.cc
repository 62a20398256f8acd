// The rows of the sections about the process itself.
#include <array>

#include "settings_table.h"

namespace pgsaba::config {
namespace {

using table::kMember;

constexpr std::string_view kAuthTypes[] = {"trust", "plain", "md5", "scram-sha-256", "hba",
                                           "cert",  "peer",  "pam", "ldap"};
constexpr std::string_view kNetworks[] = {"auto", "epoll", "io_uring"};
constexpr std::string_view kPlainPasswords[] = {"protected", "always"};
constexpr std::string_view kReadYourWrites[] = {"off", "session", "database"};
constexpr std::string_view kLogLevels[] = {"debug", "info", "warning", "error"};
constexpr std::string_view kLogFormats[] = {"text", "json"};

constexpr std::array kTopLevel = {
    Setting{.name = "workers",
            .kind = Kind::kAutoInteger,
            .access = kMember<&Config::workers>,
            .maximum = 1024,
            .changeable = Changeable::kStart,
            .help = "Threads that serve clients; auto is one per core."},
    Setting{.name = "network",
            .kind = Kind::kChoice,
            .access = kMember<&Config::network>,
            .changeable = Changeable::kStart,
            .choices = kNetworks,
            .help = "How the kernel is asked to read and write. epoll: a system call for each. "
                    "io_uring: all that a turn of a worker sends in one call, and all that has "
                    "come in another. auto: io_uring where the kernel has it and nothing forbids "
                    "it (kernel.io_uring_disabled, a seccomp filter), epoll otherwise."},
    Setting{.name = "user",
            .pgbouncer = "user",
            .access = kMember<&Config::user>,
            .changeable = Changeable::kStart,
            .help = "Started as root, pgsaba becomes this user once it listens and has read keys "
                    "and secrets. What a reload reads must be readable for that user."},
    Setting{.name = "core_dumps",
            .kind = Kind::kBoolean,
            .access = kMember<&Config::core_dumps>,
            .changeable = Changeable::kStart,
            .help = "Whether the process may leave a core file, and debuggers of its own user may "
                    "look into it. Passwords and keys are in its memory."},
    Setting{.name = "reuse_port",
            .pgbouncer = "so_reuseport",
            .kind = Kind::kBoolean,
            .access = kMember<&Config::reuse_port>,
            .changeable = Changeable::kStart,
            .help = "Whether several processes may listen on the same addresses and TCP ports, all "
                    "of them with this setting and of one system user: the kernel spreads new "
                    "connections over them. Give each a peer_id, or cancel requests get lost."},
    Setting{.name = "peer_id",
            .pgbouncer = "peer_id",
            .kind = Kind::kInteger,
            .access = kMember<&Config::peer_id>,
            .maximum = kMostPeers,
            .changeable = Changeable::kStart,
            .help = "Which one of peers this process is, as each client's cancel key says. 0: none "
                    "of them."},
};

constexpr std::array kAuth = {
    Setting{.name = "type",
            .pgbouncer = "auth_type",
            .kind = Kind::kChoice,
            .access = kMember<&Config::auth, &Auth::type>,
            .choices = kAuthTypes,
            .help = "How clients prove who they are. With md5, users whose stored secret is a "
                    "SCRAM one are asked for SCRAM. hba: the rules in hba_file decide. cert: by a "
                    "certificate that is signed by tls.ca and made out to the user. peer: on Unix "
                    "sockets, by being that user of this machine. pam, ldap: by a password that "
                    "PAM or a directory judges."},
    Setting{.name = "options",
            .pgbouncer = "auth_ldap_options",
            .kind = Kind::kSecret,
            .access = kMember<&Config::auth, &Auth::options>,
            .help = "For the types cert, peer, pam and ldap: what a rule with such a method would "
                    "have behind it. clientname=DN map=people, pamservice=pgsaba, "
                    "ldapserver=ldap.example.org ldapprefix=\"uid=\" "
                    "ldapsuffix=\",ou=people,dc=example,dc=org\"."},
    Setting{.name = "options_file",
            .kind = Kind::kSecretFile,
            .access = kMember<&Config::auth, &Auth::options>,
            .help = "A file that holds them instead."},
    Setting{.name = "plain_passwords",
            .kind = Kind::kChoice,
            .access = kMember<&Config::auth, &Auth::plain_passwords>,
            .choices = kPlainPasswords,
            .help = "From whom a password in clear text is taken, where one is asked for (plain, "
                    "pam, ldap, the method password). protected: over TLS, over Unix sockets and "
                    "from this machine. always: from everybody, for whoever is on the way to read. "
                    "Servers get one in the same way."},
    Setting{.name = "failure_pause",
            .kind = Kind::kDuration,
            .access = kMember<&Config::auth, &Auth::failure_pause_us>,
            .maximum = 60 * kSecond,
            .help = "After three wrong passwords of a user from one address, the next logins of "
                    "that user from there follow one another with a pause, which grows up to this. "
                    "Others are let alone. Not for Unix sockets and whoever connects from the very "
                    "address that we listen on, as a proxy on this machine does. 0: no pause."},
    Setting{.name = "file",
            .pgbouncer = "auth_file",
            .kind = Kind::kPath,
            .access = kMember<&Config::auth, &Auth::file>,
            .help = "The users and their secrets, in the format of PgBouncer's userlist.txt. "
                    "Needed unless the type is one that asks for no secret of ours."},
    Setting{.name = "previous_file",
            .kind = Kind::kPath,
            .access = kMember<&Config::auth, &Auth::previous_file>,
            .help = "A second list in the same format, whose secrets let its users in as well: the "
                    "old passwords, while new ones make their way. Servers get those of file. A "
                    "SCRAM secret needs the salt and iterations of the one in file."},
    Setting{.name = "hba_file",
            .pgbouncer = "auth_hba_file",
            .kind = Kind::kPath,
            .access = kMember<&Config::auth, &Auth::hba_file>,
            .help = "Who may log in from where and how, for type: hba; in the format of "
                    "PostgreSQL's pg_hba.conf."},
    Setting{.name = "ident_file",
            .pgbouncer = "auth_ident_file",
            .kind = Kind::kPath,
            .access = kMember<&Config::auth, &Auth::ident_file>,
            .help = "The maps that rules name with map=, in the format of PostgreSQL's "
                    "pg_ident.conf."},
    Setting{.name = "user",
            .pgbouncer = "auth_user",
            .access = kMember<&Config::auth, &Auth::user>,
            .help = "Who asks a server for the secret of a user that the file does not list. "
                    "Empty: such users do not get in."},
    Setting{.name = "password",
            .kind = Kind::kSecret,
            .access = kMember<&Config::auth, &Auth::password>,
            .help = "That user's password; without one, the plain one in the file."},
    Setting{.name = "password_file",
            .kind = Kind::kSecretFile,
            .access = kMember<&Config::auth, &Auth::password>,
            .help = "A file that holds the password instead."},
    Setting{.name = "dbname",
            .pgbouncer = "auth_dbname",
            .access = kMember<&Config::auth, &Auth::dbname>,
            .help = "Where the question is asked: one of databases, or else what is called so "
                    "beside the client's; empty: in the client's own."},
    Setting{.name = "query",
            .pgbouncer = "auth_query",
            .access = kMember<&Config::auth, &Auth::query>,
            .help =
                "The question: $1 is the user, the answer one row of name and secret. A function "
                "with SECURITY DEFINER spares the rights to pg_authid."},
    Setting{.name = "query_ttl",
            .kind = Kind::kDuration,
            .access = kMember<&Config::auth, &Auth::query_ttl_us>,
            .maximum = kMaxDuration,
            .help = "How long an answer is used for further logins; a failed login forgets it."},
    Setting{.name = "secret_ttl",
            .kind = Kind::kDuration,
            .access = kMember<&Config::auth, &Auth::secret_ttl_us>,
            .maximum = kMaxDuration,
            .help = "How long what servers are logged in to with, and no file has (a password that "
                    "PAM or a directory has taken, a secret that the query has found), is kept "
                    "once the last client and the last server of its user and database are gone. "
                    "Then it is wiped."},
};

constexpr std::array kAdmin = {
    Setting{.name = "users",
            .pgbouncer = "admin_users",
            .kind = Kind::kStringList,
            .access = kMember<&Config::admin, &Admin::users>,
            .help = "Who may do everything in the admin console."},
    Setting{.name = "stats_users",
            .pgbouncer = "stats_users",
            .kind = Kind::kStringList,
            .access = kMember<&Config::admin, &Admin::stats_users>,
            .help = "Who may use SHOW in the admin console."},
    Setting{.name = "hba_file",
            .kind = Kind::kPath,
            .access = kMember<&Config::admin, &Admin::hba_file>,
            .help =
                "From where they may, and how they prove who they are, whatever auth.type says: "
                "in the format of pg_hba.conf. Empty: as everybody else."},
};

constexpr std::array kHttp = {
    Setting{.name = "address",
            .access = kMember<&Config::http, &Http::address>,
            .changeable = Changeable::kStart,
            .help = "Where metrics and health are served."},
    Setting{.name = "port",
            .kind = Kind::kInteger,
            .access = kMember<&Config::http, &Http::port>,
            .maximum = 65535,
            .changeable = Changeable::kStart,
            .help = "The port for it; 0 serves no HTTP."},
    Setting{.name = "certificate",
            .kind = Kind::kPath,
            .access = kMember<&Config::http, &Http::files, &TlsFiles::certificate>,
            .help = "With a certificate (a PEM file, with the chain behind it) the pages are "
                    "served over HTTPS only. A reload reads the files again. Versions, ciphers "
                    "and curves are those of tls."},
    Setting{.name = "key",
            .kind = Kind::kPath,
            .access = kMember<&Config::http, &Http::files, &TlsFiles::key>,
            .help = "Its key, with modes as for tls.key."},
    Setting{.name = "ca",
            .kind = Kind::kPath,
            .access = kMember<&Config::http, &Http::ca>,
            .help = "Then only whoever shows a certificate that one of these has signed may look "
                    "at anything, /healthz and /readyz included."},
    Setting{.name = "user",
            .access = kMember<&Config::http, &Http::user>,
            .help = "Who may look, by basic authentication; /healthz and /readyz are for "
                    "everybody. Empty: everybody may."},
    Setting{.name = "password",
            .kind = Kind::kSecret,
            .access = kMember<&Config::http, &Http::password>,
            .help = "That user's password."},
    Setting{.name = "password_file",
            .kind = Kind::kSecretFile,
            .access = kMember<&Config::http, &Http::password>,
            .help = "A file that holds the password instead."},
};

constexpr std::array kRouting = {
    Setting{.name = "read_your_writes",
            .kind = Kind::kChoice,
            .access = kMember<&Config::routing, &Routing::read_your_writes>,
            .choices = kReadYourWrites,
            .help = "Whose writes a read on a standby must see: nobody's, those of its own "
                    "session, or all that went to the database through this process."},
    Setting{.name = "causal_wait",
            .kind = Kind::kDuration,
            .access = kMember<&Config::routing, &Routing::causal_wait_us>,
            .maximum = kMaxDuration,
            .help = "How long a read waits for a standby to catch up before it goes to the "
                    "primary."},
    Setting{.name = "max_lag",
            .kind = Kind::kDuration,
            .access = kMember<&Config::routing, &Routing::max_lag_us>,
            .maximum = kMaxDuration,
            .help = "A standby further behind gets no reads."},
    Setting{.name = "max_spilled_reads",
            .kind = Kind::kInteger,
            .access = kMember<&Config::routing, &Routing::max_spilled_reads>,
            .help = "How many reads of a cluster may run on the primary at a time because no "
                    "standby is fit, or shows what they have to see. Others wait for a place or a "
                    "standby, up to timeouts.query_wait. 0: no limit."},
    Setting{.name = "xact_status",
            .kind = Kind::kBoolean,
            .access = kMember<&Config::routing, &Routing::xact_status>,
            .help = "Whether a COMMIT whose server was lost before it answered is looked up, on "
                    "whoever serves on the same timeline, instead of failing with 08007. It costs "
                    "a small query in front of each COMMIT of a transaction that has written, in "
                    "the same packet."},
    Setting{.name = "catalogue_interval",
            .kind = Kind::kDuration,
            .access = kMember<&Config::routing, &Routing::catalogue_interval_us>,
            .maximum = kMaxDuration,
            .help = "How often is looked at what a database has of its own (views, operators, "
                    "functions, row policies), so that nothing runs on a standby which they keep "
                    "from there. Until the first look its reads run on the primary. 0: never; then "
                    "nothing of that is seen."},
    Setting{.name = "trust_declarations",
            .kind = Kind::kBoolean,
            .access = kMember<&Config::routing, &Routing::trust_declarations>,
            .help = "Whether functions of your own may run on standbys if all of their name are "
                    "declared IMMUTABLE or STABLE. PostgreSQL does not check that: one that draws "
                    "from a sequence or locks must be declared VOLATILE then."},
    Setting{.name = "allow_functions",
            .kind = Kind::kStringList,
            .access = kMember<&Config::routing, &Routing::allow_functions>,
            .help =
                "Functions of your own that a read may call and still run on a standby, as they "
                "are called: vat, app.vat, \"Vat\". They must neither write nor lock, nor "
                "depend on the server they run on."},
    Setting{.name = "deny_functions",
            .kind = Kind::kStringList,
            .access = kMember<&Config::routing, &Routing::deny_functions>,
            .help = "Functions whose calls run on the primary, in any schema, also PostgreSQL's "
                    "own. Stronger than allow_functions."},
    Setting{.name = "deny_relations",
            .kind = Kind::kStringList,
            .access = kMember<&Config::routing, &Routing::deny_relations>,
            .help =
                "Tables and views that are read on the primary, in any schema. A statement that "
                "has such a name anywhere, as a column too, runs there."},
};

constexpr std::array kTcp = {
    Setting{.name = "keepalive",
            .pgbouncer = "tcp_keepalive",
            .kind = Kind::kBoolean,
            .access = kMember<&Config::tcp, &Tcp::keepalive>,
            .help = "Find out about peers that vanished without a word."},
    Setting{.name = "keepidle",
            .pgbouncer = "tcp_keepidle",
            .kind = Kind::kDuration,
            .access = kMember<&Config::tcp, &Tcp::keepidle_us>,
            .maximum = 32'767 * kSecond,
            .help = "Silence before the first probe. 0: the system's value."},
    Setting{.name = "keepintvl",
            .pgbouncer = "tcp_keepintvl",
            .kind = Kind::kDuration,
            .access = kMember<&Config::tcp, &Tcp::keepintvl_us>,
            .maximum = 32'767 * kSecond,
            .help = "Time between probes. 0: the system's value."},
    Setting{.name = "keepcnt",
            .pgbouncer = "tcp_keepcnt",
            .kind = Kind::kInteger,
            .access = kMember<&Config::tcp, &Tcp::keepcnt>,
            .maximum = 127,
            .help = "Unanswered probes before the connection is closed. 0: the system's value."},
    Setting{.name = "user_timeout",
            .pgbouncer = "tcp_user_timeout",
            .pgbouncer_unit_us = kMillisecond,
            .kind = Kind::kDuration,
            .access = kMember<&Config::tcp, &Tcp::user_timeout_us>,
            .maximum = kMaxDuration,
            .help = "How long sent data may stay unacknowledged. 0: the system's value."},
};

constexpr std::array kDns = {
    Setting{.name = "max_ttl",
            .pgbouncer = "dns_max_ttl",
            .kind = Kind::kDuration,
            .access = kMember<&Config::dns, &Dns::max_ttl_us>,
            .maximum = kMaxDuration,
            .help = "How long the addresses of a server's name are used before they are looked "
                    "up again."},
    Setting{.name = "nxdomain_ttl",
            .pgbouncer = "dns_nxdomain_ttl",
            .kind = Kind::kDuration,
            .access = kMember<&Config::dns, &Dns::nxdomain_ttl_us>,
            .maximum = kMaxDuration,
            .help = "How long a failed look-up is remembered."},
};

constexpr std::array kLog = {
    Setting{.name = "level",
            .kind = Kind::kChoice,
            .access = kMember<&Config::log, &Log::level>,
            .choices = kLogLevels,
            .help = "The least important messages that are logged."},
    Setting{.name = "format",
            .kind = Kind::kChoice,
            .access = kMember<&Config::log, &Log::format>,
            .choices = kLogFormats,
            .help = "Lines for people or for machines."},
    Setting{.name = "file",
            .pgbouncer = "logfile",
            .kind = Kind::kPath,
            .access = kMember<&Config::log, &Log::file>,
            .help = "Where the log goes; empty is standard error."},
    Setting{.name = "syslog",
            .pgbouncer = "syslog",
            .kind = Kind::kBoolean,
            .access = kMember<&Config::log, &Log::syslog>,
            .help = "Send the log to syslog."},
    Setting{.name = "syslog_ident",
            .pgbouncer = "syslog_ident",
            .access = kMember<&Config::log, &Log::syslog_ident>,
            .help = "The program name in syslog."},
    Setting{.name = "connections",
            .pgbouncer = "log_connections",
            .kind = Kind::kBoolean,
            .access = kMember<&Config::log, &Log::connections>,
            .help = "Log each login."},
    Setting{.name = "disconnections",
            .pgbouncer = "log_disconnections",
            .kind = Kind::kBoolean,
            .access = kMember<&Config::log, &Log::disconnections>,
            .help = "Log why each connection ended."},
    Setting{.name = "pooler_errors",
            .pgbouncer = "log_pooler_errors",
            .kind = Kind::kBoolean,
            .access = kMember<&Config::log, &Log::pooler_errors>,
            .help = "Log the errors of ours that clients get."},
    Setting{.name = "stats",
            .pgbouncer = "log_stats",
            .kind = Kind::kBoolean,
            .access = kMember<&Config::log, &Log::stats>,
            .help = "Log a line of totals every stats_period."},
    Setting{.name = "stats_period",
            .pgbouncer = "stats_period",
            .kind = Kind::kDuration,
            .access = kMember<&Config::log, &Log::stats_period_us>,
            .minimum = kSecond,
            .maximum = kMaxDuration,
            .help = "The time that averages are taken over."},
};

}  // namespace

std::span<const Setting> top_level_settings() { return kTopLevel; }
std::span<const Setting> auth_settings() { return kAuth; }
std::span<const Setting> admin_settings() { return kAdmin; }
std::span<const Setting> http_settings() { return kHttp; }
std::span<const Setting> routing_settings() { return kRouting; }
std::span<const Setting> tcp_settings() { return kTcp; }
std::span<const Setting> dns_settings() { return kDns; }
std::span<const Setting> log_settings() { return kLog; }

}  // namespace pgsaba::config
