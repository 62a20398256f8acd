// What the status page is drawn from: the console's tables as JSON (RFC 8259). Pure; any thread.
#pragma once

#include <string>

#include "control/admin/picture.h"
#include "control/lag_lines.h"

namespace pgsaba::control {

// Tables are arrays of objects whose names are the columns of SHOW: topology, pools, routes, totals
// (SHOW STATS_TOTALS) and, if `with_waits`, waits. Durations are microseconds.
std::string status_json(const admin::ConsolePicture& picture, const LagLines& lags, Micros now,
                        bool with_waits);

}  // namespace pgsaba::control
