// `pgsaba import`: writes a configuration out of another program's. Main thread, blocking.
#pragma once

#include <string_view>
#include <vector>

namespace pgsaba::control {

// The exit status: 0, 1 (with the reason on standard error), 2 (the command line is wrong).
int run_import(const std::vector<std::string_view>& arguments);

}  // namespace pgsaba::control
