// The unattended trial of the demo: writes, reads and asks the console, through pgsaba. Blocking.
#pragma once

#include <string>

#include "demo_setup.h"
#include "loopback_query.h"
#include "pgsaba/base/result.h"

namespace pgsaba::control {

// Prints what it does on stdout; the Error is the first thing that was not as it should be.
Status check_demo(const DemoSetup& setup);

// Columns as wide as their widest cell, a line below the heads.
std::string text_of(const Table& table);

}  // namespace pgsaba::control
