// Which statements have an answer that depends on nothing but the session that says them, so that
// it can be given again without a server. Pure.
#pragma once

#include <string_view>

#include "pgsaba/server/settings.h"
#include "pgsaba/sql/statement.h"

namespace pgsaba::session {

// SET of a parameter whose value needs no look at the catalogue, the role or the transaction; SHOW
// of such a one that the session has set, or of what never changes while a server runs. The
// statement is alone in its string, and no transaction is open.
bool is_certain(const sql::Statement& statement, std::string_view text, const sql::Dialect& dialect,
                const server::SettingsRef& settings);

}  // namespace pgsaba::session
