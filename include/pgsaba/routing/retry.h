// Retry: which errors of a standby say that a read should be run on another server. Pure.
// Source: what PostgreSQL 15 answers on a hot standby (25006, 55000, 0A000 and XX000 for what
// recovery does not allow, 40001 for a conflict with it), what goes wrong where DDL was not
// replayed yet, and what a server says that goes away.
#pragma once

#include <string_view>

namespace pgsaba::routing {

// Whatever the primary answers is the truth then: an error that is not the standby's fault comes a
// second time.
bool may_run_elsewhere(std::string_view sqlstate);

}  // namespace pgsaba::routing
