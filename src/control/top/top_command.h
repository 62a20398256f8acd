// `pgsaba top`: a running pgsaba, live in the terminal. Main thread, blocking.
#pragma once

#include <string_view>
#include <vector>

namespace pgsaba::control::top {

// The exit status: 0, 1 (with the reason on standard error), 2 (the command line is wrong).
int run_top(const std::vector<std::string_view>& arguments);

}  // namespace pgsaba::control::top
