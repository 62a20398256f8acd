// What EXPLAIN ROUTE answers: what a statement is, and where each database would run it now, as the
// first of a session that has asked for nothing itself, outside of a transaction. Pure; any thread.
#pragma once

#include <vector>

#include "control/admin/command.h"
#include "control/admin/result_table.h"
#include "pgsaba/worker/picture.h"

namespace pgsaba::control {

// A row for each configured database, or for the one that the command names, which exists.
std::vector<admin::Row> explain_route(const worker::Picture& picture,
                                      const admin::ExplainRoute& command);

}  // namespace pgsaba::control
