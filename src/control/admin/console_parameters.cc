#include "console_parameters.h"

namespace pgsaba::admin {
namespace {

// PgBouncer reports its own version here ("1.25.2/bouncer"), which makes psql warn about a server
// of major version 1 and makes drivers fall back to what PostgreSQL 9 could not yet do. Drivers
// read the number in front and ignore what follows in parentheses, since Debian's PostgreSQL writes
// its package there. 15 is the version whose messages we speak.
constexpr std::string_view kSpokenVersion = "15.0";

}  // namespace

wire::ParameterList console_parameters(std::string_view user, Access access,
                                       std::string_view version) {
  return {
      {"server_version", std::string(kSpokenVersion) + " (pgsaba " + std::string(version) + ")"},
      {"server_encoding", "UTF8"},
      {"client_encoding", "UTF8"},
      {"DateStyle", "ISO, MDY"},
      {"IntervalStyle", "postgres"},
      {"TimeZone", "GMT"},
      {"integer_datetimes", "on"},
      {"standard_conforming_strings", "on"},
      {"is_superuser", access == Access::kAdmin ? "on" : "off"},
      {"session_authorization", std::string(user)},
      // libpq with target_session_attrs asks these instead of sending a query.
      {"default_transaction_read_only", "off"},
      {"in_hot_standby", "off"},
  };
}

}  // namespace pgsaba::admin
