#include "pgsaba/config/config.h"

#include <algorithm>

namespace pgsaba::config {

const DatabaseSettings* find_database(const Config& config, std::string_view name) {
  auto found = config.databases.find(name);
  if (found == config.databases.end()) found = config.databases.find(std::string_view("*"));
  return found == config.databases.end() ? nullptr : &found->second;
}

const UserSettings* find_user(const Config& config, std::string_view name) {
  const auto found = config.users.find(name);
  return found == config.users.end() ? nullptr : &found->second;
}

RoutePolicy route_of(const Config& config, const DatabaseSettings& database,
                     std::string_view user) {
  const UserSettings* own = find_user(config, user);
  return own != nullptr && own->route ? *own->route : database.route;
}

TlsMode tls_mode_of(const Config& config, const Listener& listener) {
  if (listener.is_unix()) return TlsMode::kDisable;
  return listener.tls_mode.value_or(config.tls.settings.mode);
}

TlsMode tls_mode_at(const Config& config, std::string_view host, std::uint16_t port) {
  const bool is_v6 = host.find(':') != std::string_view::npos;
  const std::string_view any = is_v6 ? "::" : "0.0.0.0";
  const Listener* widest = nullptr;
  for (const Listener& listener : config.listen) {
    if (listener.is_unix() || listener.port != port) continue;
    std::string_view own = listener.address;
    if (own == "localhost") own = "127.0.0.1";
    if (own == host) return tls_mode_of(config, listener);
    if (own == any || own == "*") widest = &listener;
  }
  return widest != nullptr ? tls_mode_of(config, *widest) : config.tls.settings.mode;
}

bool offers_tls(const Config& config) {
  return !config.tls.settings.files.certificate.empty() &&
         std::ranges::any_of(config.listen, [&](const Listener& listener) {
           return tls_mode_of(config, listener) != TlsMode::kDisable;
         });
}

bool is_admin_database(std::string_view name) { return name == "pgsaba" || name == "pgbouncer"; }

}  // namespace pgsaba::config
