#include "pgbouncer_keys.h"

#include <algorithm>
#include <array>

#include "units.h"

namespace pgsaba::config {
namespace {

// Of several listeners PgBouncer could have only the first.
const Listener* first_listener(const Config& config, bool unix_socket) {
  const auto found = std::ranges::find(config.listen, unix_socket, &Listener::is_unix);
  return found == config.listen.end() ? nullptr : &*found;
}

std::string addresses_of(const Config& config) {
  std::string addresses;
  for (const Listener& listener : config.listen)
    if (!listener.is_unix()) addresses += (addresses.empty() ? "" : ",") + listener.address;
  return addresses;
}

std::string port_of(const Config& config) {
  const Listener* tcp = first_listener(config, false);
  if (tcp == nullptr && !config.listen.empty()) tcp = &config.listen.front();
  return std::to_string(tcp == nullptr ? Listener().port : tcp->port);
}

// One without a Unix socket has the defaults, as there.
Listener unix_socket_of(const Config& config) {
  const Listener* found = first_listener(config, true);
  return found == nullptr ? Listener() : *found;
}

std::string protocols_of(const TlsSettings& tls) {
  if (tls.minimum_version == TlsVersion::k13) return "tlsv1.3";
  return tls.maximum_version == TlsVersion::k12 ? "tlsv1.2" : "secure";
}

// A word of ours for each of PgBouncer's numbers.
std::optional<std::string> word_for(std::string_view number, const char* zero, const char* more) {
  const auto parsed = parse_integer(number);
  if (!parsed || *parsed < 0) return std::nullopt;
  return *parsed == 0 ? zero : more;
}

constexpr std::array kKeys = {
    PgbouncerKey{.name = "conffile",
                 .value = [](const Config& config) { return config.path; },
                 .why = "The file is named on the command line."},
    PgbouncerKey{.name = "listen_addr", .source = "listen[].address", .value = addresses_of},
    PgbouncerKey{.name = "listen_port", .source = "listen[].port", .value = port_of},
    PgbouncerKey{
        .name = "unix_socket_dir",
        .source = "listen[].unix",
        .value = [](const Config& config) { return unix_socket_of(config).unix_directory; }},
    PgbouncerKey{
        .name = "unix_socket_mode",
        .source = "listen[].mode",
        .value =
            [](const Config& config) { return format_mode(unix_socket_of(config).unix_mode); }},
    PgbouncerKey{.name = "unix_socket_group",
                 .source = "listen[].group",
                 .value = [](const Config& config) { return unix_socket_of(config).unix_group; }},
    PgbouncerKey{.name = "client_tls_protocols",
                 .source = "tls.minimum_version",
                 .changeable = true,
                 .value = [](const Config& config) { return protocols_of(config.tls.settings); }},
    PgbouncerKey{
        .name = "server_tls_protocols",
        .source = "server_tls.minimum_version",
        .changeable = true,
        .value = [](const Config& config) { return protocols_of(config.server_tls.settings); }},
    PgbouncerKey{
        .name = "application_name_add_host",
        .source = "pool.application_name_mode",
        .changeable = true,
        .value =
            [](const Config& config) {
              return std::string(
                  config.pool.application_name_mode == ApplicationName::kAddHost ? "1" : "0");
            },
        .translated =
            [](std::string_view number) { return word_for(number, "follow", "add_host"); }},
    PgbouncerKey{
        .name = "verbose",
        .source = "log.level",
        .changeable = true,
        .value =
            [](const Config& config) {
              return std::string(config.log.level == LogLevel::kDebug ? "1" : "0");
            },
        .translated = [](std::string_view number) { return word_for(number, "info", "debug"); }},
    PgbouncerKey{.name = "client_tls_dheparams",
                 .fixed = "none",
                 .why = "Keys are exchanged by ECDHE only."},
    PgbouncerKey{.name = "disable_pqexec",
                 .fixed = "0",
                 .why = "Simple queries are served like all others."},
    PgbouncerKey{.name = "dns_zone_check_period",
                 .fixed = "0",
                 .why = "Names are looked up again after dns.max_ttl."},
    PgbouncerKey{.name = "ignore_startup_parameters",
                 .why = "All that clients send at login belongs to their session."},
    PgbouncerKey{.name = "login_notify_message",
                 .why = "Clients get no notices that PostgreSQL does not send."},
    PgbouncerKey{.name = "pidfile", .why = "None is written."},
    PgbouncerKey{.name = "query_wait_notify",
                 .fixed = "0",
                 .why = "Clients that wait get no notices; SHOW WAITS tells."},
    PgbouncerKey{.name = "resolv_conf", .why = "Names are looked up as the system does."},
    PgbouncerKey{.name = "scram_iterations",
                 .fixed = "4096",
                 .why = "That many has what is made of a plain password."},
    PgbouncerKey{.name = "server_check_query",
                 .why = "That a server connection was closed is seen without a query."},
    PgbouncerKey{
        .name = "server_fast_close",
        .fixed = "0",
        .why = "A server connection that is to be closed is closed when its client leaves it."},
    PgbouncerKey{.name = "server_reset_query_always",
                 .fixed = "0",
                 .why = "In transaction mode a session is carried along with its client."},
    PgbouncerKey{.name = "syslog_facility", .fixed = "daemon", .why = "There is no other."},
    PgbouncerKey{.name = "tcp_defer_accept",
                 .fixed = "0",
                 .why = "Clients that say nothing are bounded by timeouts.client_login."},
    PgbouncerKey{.name = "tcp_socket_buffer", .fixed = "0", .why = "The system chooses."},
};

}  // namespace

std::span<const PgbouncerKey> pgbouncer_keys() { return kKeys; }

const PgbouncerKey* find_pgbouncer_key(std::string_view name) {
  const auto* const found = std::ranges::find(kKeys, name, &PgbouncerKey::name);
  return found == kKeys.end() ? nullptr : found;
}

std::string value_of(const PgbouncerKey& key, const Config& config) {
  return key.value != nullptr ? key.value(config) : std::string(key.fixed);
}

}  // namespace pgsaba::config
