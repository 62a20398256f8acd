#include "worker/errors.h"

#include <string>

#include "pgsaba/wire/sqlstate.h"

namespace pgsaba::worker::errors {
namespace {

namespace sqlstate = wire::sqlstate;

wire::ErrorFields fatal(std::string_view code, std::string message, std::string hint = {}) {
  return {"FATAL", std::string(code), std::move(message), {}, std::move(hint)};
}

}  // namespace

wire::ErrorFields no_such_database(std::string_view database) {
  return fatal(sqlstate::kUndefinedDatabase,
               "database \"" + std::string(database) + "\" does not exist",
               "pgsaba serves the databases of its configuration file; SHOW DATABASES on the admin "
               "console lists them.");
}

wire::ErrorFields database_removed(std::string_view database) {
  return fatal(sqlstate::kAdminShutdown, "terminating connection: database \"" +
                                             std::string(database) +
                                             "\" was removed from the configuration");
}

wire::ErrorFields database_disabled(std::string_view database) {
  return fatal(sqlstate::kCannotConnectNow,
               "database \"" + std::string(database) + "\" is disabled",
               "An administrator gave DISABLE on the console; ENABLE lifts it.");
}

wire::ErrorFields shutting_down() {
  return fatal(sqlstate::kAdminShutdown, "terminating connection: pgsaba is shutting down");
}

wire::ErrorFields killed() {
  return fatal(sqlstate::kAdminShutdown,
               "terminating connection due to an administrator's command");
}

wire::ErrorFields canceled() {
  return {"ERROR", std::string(sqlstate::kQueryCanceled), "canceling statement due to user request",
          "The statement was still waiting for a server connection."};
}

wire::ErrorFields login_timeout(const wire::ErrorFields* failure) {
  wire::ErrorFields error =
      fatal(sqlstate::kCannotConnectNow, "login was not complete within client_login",
            "The setting is timeouts.client_login; is the server reachable?");
  if (failure != nullptr)
    error.detail = "No server connection could be opened: " + failure->message + ".";
  return error;
}

wire::ErrorFields too_many_logins() {
  return fatal(
      sqlstate::kTooManyConnections, "too many connections are logging in",
      "The one that had taken longest was closed; limits.max_client_connections bounds them.");
}

wire::ErrorFields too_many_logins_from(std::string_view address, long limit) {
  return fatal(sqlstate::kTooManyConnections,
               "too many connections from " + std::string(address) + " are logging in",
               "limits.max_logins_per_address is " + std::to_string(limit) + ".");
}

wire::ErrorFields too_many_clients(std::string_view setting, long limit) {
  return fatal(
      sqlstate::kTooManyConnections,
      "no more connections allowed (" + std::string(setting) + " is " + std::to_string(limit) + ")",
      "SHOW CLIENTS on the admin console tells who is connected.");
}

wire::ErrorFields no_route(std::string_view cluster, std::string_view why) {
  return fatal(
      sqlstate::kCannotConnectNow,
      "no server of cluster \"" + std::string(cluster) + "\" can serve: " + std::string(why),
      "The log tells what the monitor sees of each server.");
}

wire::ErrorFields unresolved(std::string_view host) {
  return fatal(sqlstate::kConnectionFailure,
               "server host name \"" + std::string(host) + "\" cannot be resolved");
}

}  // namespace pgsaba::worker::errors
