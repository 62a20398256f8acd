// The command line: `pgsaba [serve] [-c FILE]`, `check`, `demo`, `--version`, `--help`.
// Called once, by main, on the main thread.
#pragma once

#include <string_view>

namespace pgsaba::control {

// The exit status: 0, 1 (it failed, the reason was told), 2 (the command line is wrong).
int run_command_line(int count, const char* const* arguments, std::string_view version);

}  // namespace pgsaba::control
