// Parameters that belong to the session. Source: pg_settings of PostgreSQL 15 where context is
// "user" (src/sql/settings.inc, written by make-functions). Pure; any thread.
#pragma once

#include <string_view>

namespace pgsaba::sql {

// A built-in parameter that belongs to the session, so that whoever it is may set it. In any case;
// no custom one ("a.b"), which an extension may have reserved for superusers.
bool is_session_setting(std::string_view name);

}  // namespace pgsaba::sql
