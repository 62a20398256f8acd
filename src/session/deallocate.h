// DEALLOCATE as drivers send it to forget a statement they prepared by protocol (psycopg,
// ActiveRecord): the whole text of a simple query. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace pgsaba::session {

// The name in `DEALLOCATE [PREPARE] name [;]`, folded as PostgreSQL folds identifiers; comments may
// stand beside it. Nothing for any other text, for ALL, and where further statements follow.
std::optional<std::string> deallocated_name(std::string_view sql);

}  // namespace pgsaba::session
