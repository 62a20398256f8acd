// What is not the same on every server of a cluster, by name. Source: the views of pg_catalog whose
// definitions call functions about the server or session (PostgreSQL 15 to 18, and extensions that
// come with it). Pure.
#pragma once

#include <string_view>

namespace pgsaba::sql {

// A relation that shows the server or the session. In any case, though it may be quoted: nobody
// calls another one so.
bool describes_instance(std::string_view relation);

}  // namespace pgsaba::sql
