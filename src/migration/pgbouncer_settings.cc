// Every setting of PgBouncer's, up to version 1.25 and what was announced after it.
#include <array>

#include "pgsaba/migration/migration.h"

namespace pgsaba::migration {
namespace {

constexpr std::string_view kCiphers =
    "PgBouncer's words for lists of ciphers (default, secure, fast, normal, all) have no "
    "counterpart; "
    "a list in OpenSSL's words is taken over. Without one there are ECDHE with AES-GCM and "
    "ChaCha20.";
constexpr std::string_view kProtocols = "TLS 1.2 and 1.3 are spoken, nothing older.";
constexpr std::string_view kNotAsked =
    "a server connection is never checked by a query: that it was closed is seen at once, and a "
    "client "
    "whose statement nothing was answered to is told, or served by another connection.";
constexpr std::string_view kBuffers =
    "buffers are lent to connections only while bytes are under way; there is nothing to choose.";

constexpr std::array kSettings = {
    Counterpart{"admin_users", "", "admin.users", ""},
    Counterpart{"application_name_add_host", "0", "pool.application_name_mode",
                "1 is application_name_mode: add_host."},
    Counterpart{"auth_dbname", "", "auth.dbname", ""},
    Counterpart{"auth_file", "", "auth.file", ""},
    Counterpart{"auth_hba_file", "", "auth.hba_file", ""},
    Counterpart{"auth_ident_file", "", "auth.ident_file", ""},
    Counterpart{"auth_ldap_options", "", "auth.options", ""},
    Counterpart{
        "auth_query",
        "SELECT rolname, CASE WHEN rolvaliduntil < now() THEN NULL ELSE rolpassword END FROM "
        "pg_authid WHERE rolname=$1 AND rolcanlogin",
        "auth.query", ""},
    Counterpart{"auth_type", "md5", "auth.type", ""},
    Counterpart{"auth_user", "", "auth.user", ""},
    Counterpart{"autodb_idle_timeout", "3600", "timeouts.autodb_idle", ""},
    Counterpart{"cancel_wait_timeout", "10", "timeouts.cancel_wait", ""},
    Counterpart{"cleanup_server_connections", "0", "",
                "what a client leaves on a server is carried along with it, or reset before "
                "another client has the server."},
    Counterpart{"client_idle_timeout", "0", "timeouts.client_idle", ""},
    Counterpart{"client_login_timeout", "60", "timeouts.client_login", ""},
    Counterpart{"client_tls13_ciphers", "", "tls.ciphersuites", ""},
    Counterpart{"client_tls_ca_file", "", "tls.ca", ""},
    Counterpart{"client_tls_cert_file", "", "tls.certificate", ""},
    Counterpart{"client_tls_ciphers", "default", "tls.ciphers", kCiphers},
    Counterpart{"client_tls_dheparams", "auto", "", "keys are exchanged by ECDHE only."},
    Counterpart{"client_tls_ecdhcurve", "auto", "tls.curves", "auto and none choose nothing."},
    Counterpart{"client_tls_key_file", "", "tls.key", ""},
    Counterpart{"client_tls_protocols", "secure", "tls.minimum_version", kProtocols},
    Counterpart{
        "client_tls_sslmode", "disable", "tls.mode",
        "PgBouncer's verify-full checks what verify-ca does here; verify-full here also wants "
        "the certificate to be made out to the user."},
    Counterpart{"conffile", "", "", "the file is named on the command line: pgsaba serve -c FILE."},
    Counterpart{"default_pool_size", "20", "pool.pool_size", ""},
    Counterpart{
        "disable_pqexec", "0", "",
        "simple queries cannot be forbidden: applications that build SQL out of strings have "
        "to be mended themselves."},
    Counterpart{"dns_max_ttl", "15", "dns.max_ttl", ""},
    Counterpart{"dns_nxdomain_ttl", "15", "dns.nxdomain_ttl", ""},
    Counterpart{"dns_zone_check_period", "0", "",
                "zones are not watched: names are looked up again after dns.max_ttl."},
    Counterpart{"idle_transaction_timeout", "0", "timeouts.idle_transaction", ""},
    Counterpart{"ignore_startup_parameters", "", "",
                "no parameter needs to be ignored: all that clients send at login belongs to their "
                "session and is set on whichever server they get."},
    Counterpart{"job_name", "pgbouncer", "", "the service is called after its systemd unit."},
    Counterpart{"listen_addr", "", "listen[].address", ""},
    Counterpart{"listen_backlog", "128", "limits.listen_backlog", ""},
    Counterpart{"listen_port", "6432", "listen[].port", ""},
    Counterpart{"log_connections", "1", "log.connections", ""},
    Counterpart{"log_disconnections", "1", "log.disconnections", ""},
    Counterpart{"log_pooler_errors", "1", "log.pooler_errors", ""},
    Counterpart{"log_stats", "1", "log.stats", ""},
    Counterpart{"logfile", "", "log.file", ""},
    Counterpart{"login_notify_message", "", "",
                "clients get no notices that PostgreSQL does not send."},
    Counterpart{"max_client_conn", "100", "limits.max_client_connections", ""},
    Counterpart{"max_db_client_connections", "0", "limits.max_db_client_connections", ""},
    Counterpart{"max_db_connections", "0", "pool.max_db_connections", ""},
    Counterpart{"max_packet_size", "2147483647", "limits.max_message_size", ""},
    Counterpart{"max_prepared_statements", "200", "pool.max_prepared_statements", ""},
    Counterpart{"max_user_client_connections", "0", "limits.max_user_client_connections", ""},
    Counterpart{"max_user_connections", "0", "pool.max_user_connections", ""},
    Counterpart{"min_pool_size", "0", "pool.min_pool_size", ""},
    Counterpart{"peer_id", "0", "peer_id", "ids go from 1 to 127."},
    Counterpart{"pidfile", "", "", "systemd knows the process: systemctl show -p MainPID pgsaba."},
    Counterpart{"pkt_buf", "4096", "", kBuffers},
    Counterpart{"pool_idle_timeout", "0", "",
                "a pool without clients and servers costs next to nothing."},
    Counterpart{"pool_mode", "session", "pool.pool_mode", ""},
    Counterpart{"query_timeout", "0", "timeouts.query", ""},
    Counterpart{"query_wait_notify", "5", "",
                "clients that wait get no notices; SHOW POOLS, SHOW CLIENTS and the metrics tell."},
    Counterpart{"query_wait_timeout", "120", "timeouts.query_wait", ""},
    Counterpart{"reserve_pool_size", "0", "pool.reserve_pool_size", ""},
    Counterpart{"reserve_pool_timeout", "5", "timeouts.reserve_pool", ""},
    Counterpart{"resolv_conf", "", "",
                "names are looked up as the system does, by /etc/resolv.conf."},
    Counterpart{"sbuf_loopcnt", "5", "", kBuffers},
    Counterpart{"scram_iterations", "4096", "",
                "what is made of a plain password has 4096 rounds; SCRAM secrets bring their own."},
    Counterpart{"server_check_delay", "30", "", kNotAsked},
    Counterpart{"server_check_query", "", "", kNotAsked},
    Counterpart{"server_connect_timeout", "15", "timeouts.server_connect", ""},
    Counterpart{"server_fast_close", "0", "",
                "a server connection that is to be closed is closed when its client leaves it."},
    Counterpart{"server_idle_timeout", "600", "timeouts.server_idle", ""},
    Counterpart{"server_lifetime", "3600", "timeouts.server_lifetime", ""},
    Counterpart{"server_login_retry", "15", "timeouts.server_login_retry", ""},
    Counterpart{"server_reset_query", "DISCARD ALL", "pool.server_reset_query", ""},
    Counterpart{"server_reset_query_always", "0", "",
                "in transaction mode nothing has to be reset: what a client leaves on a server is "
                "carried along with it, or keeps its server."},
    Counterpart{"server_round_robin", "0", "pool.server_round_robin", ""},
    Counterpart{"server_tls13_ciphers", "", "clusters.*.tls.ciphersuites", ""},
    Counterpart{"server_tls_ca_file", "", "clusters.*.tls.ca", ""},
    Counterpart{"server_tls_cert_file", "", "clusters.*.tls.certificate", ""},
    Counterpart{"server_tls_ciphers", "default", "clusters.*.tls.ciphers", kCiphers},
    Counterpart{"server_tls_key_file", "", "clusters.*.tls.key", ""},
    Counterpart{"server_tls_protocols", "secure", "clusters.*.tls.minimum_version", kProtocols},
    Counterpart{"server_tls_sslmode", "prefer", "clusters.*.tls.mode", ""},
    Counterpart{"service_name", "pgbouncer", "", "there is no Windows service."},
    Counterpart{"so_reuseport", "0", "reuse_port", ""},
    Counterpart{"stats_period", "60", "log.stats_period", ""},
    Counterpart{"stats_users", "", "admin.stats_users", ""},
    Counterpart{"suspend_timeout", "10", "",
                "connections are not handed to another process by SUSPEND."},
    Counterpart{"syslog", "0", "log.syslog", ""},
    Counterpart{"syslog_facility", "daemon", "", "the facility is daemon."},
    Counterpart{"syslog_ident", "pgbouncer", "log.syslog_ident", ""},
    Counterpart{
        "tcp_defer_accept", "1", "",
        "clients are accepted at once: those that say nothing are bounded by client_login."},
    Counterpart{"tcp_keepalive", "1", "tcp.keepalive", ""},
    Counterpart{"tcp_keepcnt", "0", "tcp.keepcnt", ""},
    Counterpart{"tcp_keepidle", "0", "tcp.keepidle", ""},
    Counterpart{"tcp_keepintvl", "0", "tcp.keepintvl", ""},
    Counterpart{"tcp_socket_buffer", "0", "",
                "the system chooses, and changes, the sizes of sockets."},
    Counterpart{"tcp_user_timeout", "0", "tcp.user_timeout",
                "milliseconds there, with a unit here."},
    Counterpart{"track_extra_parameters", "IntervalStyle", "",
                "all parameters that a session sets are followed, reported or not."},
    Counterpart{"transaction_timeout", "0", "timeouts.transaction", ""},
    Counterpart{"unix_socket_dir", "/tmp", "listen[].unix", ""},
    Counterpart{"unix_socket_group", "", "listen[].group", ""},
    Counterpart{"unix_socket_mode", "0777", "listen[].mode", ""},
    Counterpart{"user", "", "", "the systemd unit says as whom pgsaba runs (User=)."},
    Counterpart{"verbose", "0", "log.level", "above 0 it is level: debug."},
};

}  // namespace

std::span<const Counterpart> pgbouncer_settings() { return kSettings; }

}  // namespace pgsaba::migration
