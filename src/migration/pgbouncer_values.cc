#include "migration/pgbouncer_values.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <optional>
#include <set>

#include "migration/draft.h"
#include "pgsaba/config/config.h"

namespace pgsaba::migration {
namespace {

constexpr long long kMaxMessage = 2'147'483'647;

const std::set<std::string_view> kBooleans = {
    "log_connections", "log_disconnections", "log_pooler_errors",
    "log_stats",       "server_round_robin", "so_reuseport",
    "syslog",          "tcp_keepalive"};
const std::set<std::string_view> kIntegers = {
    "default_pool_size",       "listen_backlog",
    "max_client_conn",         "max_db_client_connections",
    "max_db_connections",      "max_packet_size",
    "max_prepared_statements", "max_user_client_connections",
    "max_user_connections",    "min_pool_size",
    "reserve_pool_size",       "tcp_keepcnt"};
const std::set<std::string_view> kPaths = {"auth_file",
                                           "auth_hba_file",
                                           "auth_ident_file",
                                           "client_tls_ca_file",
                                           "client_tls_cert_file",
                                           "client_tls_key_file",
                                           "logfile",
                                           "server_tls_ca_file",
                                           "server_tls_cert_file",
                                           "server_tls_key_file"};

// As strtol with base 0 reads it: 0777 is octal, 0x10 hexadecimal.
std::optional<long long> integer(const std::string& text) {
  char* end = nullptr;
  errno = 0;
  const long long value = std::strtoll(text.c_str(), &end, 0);
  if (text.empty() || *end != '\0' || errno != 0) return std::nullopt;
  return value;
}

// Seconds, with a fraction if need be.
std::optional<std::string> seconds(const std::string& text) {
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  if (text.empty() || *end != '\0' || value < 0) return std::nullopt;
  const bool plain = text.find_first_not_of("0123456789.") == std::string::npos;
  if (value == 0) return "0";
  if (plain && text.front() != '.') return text + "s";
  return std::to_string(static_cast<long long>(value * 1e6)) + "us";
}

bool is_duration(std::string_view target) {
  return target.starts_with("timeouts.") || target.starts_with("dns.") ||
         target == "log.stats_period" || target == "tcp.keepidle" || target == "tcp.keepintvl";
}

Translated one(std::string key, std::string value) {
  return {{{std::move(key), std::move(value)}}, {}, {}, {}};
}

Translated auth_type(const std::string& value) {
  if (value == "any") {
    Translated result = one("type", "trust");
    result.note =
        "whoever comes is let in, as with trust here. Names are not made up for servers: a "
        "database "
        "needs a user of its own (it does in PgBouncer, too), and who may use the console has to "
        "be "
        "written in admin.users.";
    return result;
  }
  if (value == "pam") {
    Translated result = one("type", value);
    result.settings.emplace_back("options", "pamservice=pgbouncer");
    return result;
  }
  static const std::set<std::string_view> kSame = {"trust", "plain", "md5", "scram-sha-256",
                                                   "hba",   "cert",  "ldap"};
  if (!kSame.contains(value)) return {{}, {}, {}, "no such auth_type: " + value};
  return one("type", value);
}

// A list of tlsv1.0 to tlsv1.3, or one of PgBouncer's words.
Translated protocols(const std::string& value, std::string_view remark) {
  if (value == "secure") return {};
  bool v12 = value == "all" || value == "legacy";
  bool v13 = v12;
  bool older = v12;
  for (const std::string& name : split_list(value)) {
    v12 = v12 || name == "tlsv1.2";
    v13 = v13 || name == "tlsv1.3";
    older = older || name == "tlsv1.0" || name == "tlsv1.1" || name == "tlsv1";
  }
  Translated result;
  if (older) result.note = remark;
  if (!v12 && v13) result.settings.emplace_back("minimum_version", "1.3");
  if (v12 && !v13) result.settings.emplace_back("maximum_version", "1.2");
  if (!v12 && !v13)
    result.warnings.push_back("clients or servers that speak only " + value + " cannot connect");
  return result;
}

Translated words(const Counterpart& setting, const std::string& key, const std::string& value) {
  static const std::set<std::string_view> kWords = {"default", "secure", "compat", "legacy", "fast",
                                                    "normal",  "all",    "auto",   "none"};
  if (!kWords.contains(value)) return one(key, scalar(value));
  return {{}, std::string(setting.remark), {}, {}};
}

Translated special(const Counterpart& setting, const std::string& key, const std::string& value) {
  const std::string_view name = setting.name;
  if (name == "auth_type") return auth_type(value);
  if (name.ends_with("_tls_protocols")) return protocols(value, setting.remark);
  if (name.ends_with("_tls_ciphers") || name.ends_with("_ecdhcurve"))
    return words(setting, key, value);
  if (name == "client_tls_sslmode" && value == "verify-full") {
    Translated result = one(key, "verify-ca");
    result.note = setting.remark;
    return result;
  }
  if (name == "admin_users" || name == "stats_users") return one(key, list_of(split_list(value)));
  if (name == "server_reset_query") return one(key, in_quotes(value));
  return one(key, scalar(value));
}

Translated number(const Counterpart& setting, const std::string& key, const std::string& value) {
  const auto read = integer(value);
  const std::string error = "'" + value + "' is no value for " + std::string(setting.name);
  if (!read) return {{}, {}, {}, error};
  if (setting.name == "application_name_add_host")
    return *read == 0 ? Translated{} : one(key, "add_host");
  if (setting.name == "peer_id" && *read > config::kMostPeers) {
    Translated result;
    result.note = setting.remark;
    result.warnings.push_back("peer_id = " + value + ": choose one from 1 to " +
                              std::to_string(config::kMostPeers));
    return result;
  }
  if (setting.name == "verbose") return *read > 0 ? one(key, "debug") : Translated{};
  if (setting.name == "tcp_user_timeout")
    return one(key, *read == 0 ? "0" : std::to_string(*read) + "ms");
  if (kBooleans.contains(setting.name)) return one(key, *read != 0 ? "true" : "false");
  if (setting.name == "max_packet_size")
    return one(key, std::to_string(std::min(*read, kMaxMessage)));
  return one(key, std::to_string(*read));
}

bool is_number(std::string_view name) {
  return kIntegers.contains(name) || kBooleans.contains(name) ||
         name == "application_name_add_host" || name == "peer_id" || name == "verbose" ||
         name == "tcp_user_timeout";
}

}  // namespace

std::string octal(std::string_view text) {
  const auto value = integer(std::string(text));
  char digits[24] = {};
  const auto [end, problem] =
      std::to_chars(digits, digits + sizeof digits, value.value_or(0777), 8);
  return "0" + std::string(digits, problem == std::errc{} ? end : digits);
}

std::optional<std::uint32_t> read_peer_id(const std::string& text) {
  constexpr long long kMost = 16'383;
  const auto value = integer(text);
  if (!value || *value < 1 || *value > kMost) return std::nullopt;
  return static_cast<std::uint32_t>(*value);
}

Translated translate(const Counterpart& setting, const IniLine& line, const std::string& ini) {
  const std::string key(setting.target.substr(setting.target.rfind('.') + 1));
  if (line.value.empty() && setting.name != "server_reset_query") return {};  // as if not set
  if (is_duration(setting.target)) {
    const auto time = seconds(line.value);
    if (!time) return {{}, {}, {}, "'" + line.value + "' is no time for " + line.key};
    return one(key, *time);
  }
  if (is_number(setting.name)) return number(setting, key, line.value);
  if (!kPaths.contains(setting.name)) return special(setting, key, line.value);
  Translated path = one(key, scalar(beside(ini, line.value)));
  if (!line.value.starts_with('/'))
    path.note =
        "a relative path begins where PgBouncer was started; taken over is one beside "
        "pgbouncer.ini.";
  return path;
}

}  // namespace pgsaba::migration
