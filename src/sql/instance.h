// What is not the same on every server of a cluster, by name. Sources: the views of pg_catalog
// whose definitions call functions about the server or session (PostgreSQL 15 to 18, and extensions
// that come with it); settings.inc, written by make-functions. Pure.
#pragma once

#include <string_view>

namespace pgsaba::sql {

// A relation that shows the server or the session. In any case, though it may be quoted: nobody
// calls another one so.
bool describes_instance(std::string_view relation);

// A built-in parameter that belongs to the session. In any case; no custom one.
bool is_session_setting(std::string_view name);

}  // namespace pgsaba::sql
