// Which columns each table has. Any thread; no state. Source: the facts of PgBouncer's console,
// dumped from its running binary; a unit test compares them with a literal list.
#pragma once

#include <vector>

#include "result_table.h"
#include "subject.h"

namespace pgsaba::admin {

std::vector<Column> make_columns(Subject subject);
std::vector<Column> explain_route_columns();

}  // namespace pgsaba::admin
