#include "pgsaba/config/config.h"

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

bool is_admin_database(std::string_view name) { return name == "pgsaba" || name == "pgbouncer"; }

}  // namespace pgsaba::config
