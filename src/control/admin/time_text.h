// Points in time as the tables show them. Any thread; no state.
#pragma once

#include <string>

#include "pgsaba/base/clock.h"

namespace pgsaba::admin {

// "2026-11-24 03:00:12 UTC", in the process's time zone; empty if it never was.
std::string time_text(Micros wall_us);

}  // namespace pgsaba::admin
