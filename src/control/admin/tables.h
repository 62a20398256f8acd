// The console's tables: pure functions from a ConsolePicture to rows. Any thread; no state.
// PgBouncer's columns come first, with its names, types and order, so that its exporters and
// dashboards work; ours are appended. One file per family: table_<family>.cc.
#pragma once

#include <vector>

#include "picture.h"
#include "result_table.h"
#include "subject.h"

namespace pgsaba::admin {

// Without rows, since Describe wants them before anything has run. None for kHelp and kFds, which
// have no table.
const std::vector<Column>& columns_of(Subject subject);

// How much of the workers a table is made from.
stats::Detail detail_for(Subject subject);

ResultTable build_table(Subject subject, const ConsolePicture& picture);

}  // namespace pgsaba::admin
