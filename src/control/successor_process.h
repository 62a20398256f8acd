// Starts the program that takes over from this process: the same file, which may have been replaced
// meanwhile, with the same arguments. Any thread; blocks for as long as a fork takes.
#pragma once

#include <string>
#include <vector>

#include "pgsaba/base/result.h"

namespace pgsaba::control {

// The file that this process runs, as it was called when it began to.
std::string own_program();

// Starts it as nobody's child, so that a service manager hears of its end. `environment` is added
// to ours. The result is our end of the connection to it; whoever has the other end finds it by
// `passed_takeover`.
Result<int> start_successor(const std::string& program, const std::vector<std::string>& arguments,
                            const std::vector<std::string>& environment);

// Our end of the connection to the process that we take over from; -1: to none. Once: programs that
// we start take over from nobody.
int passed_takeover();

}  // namespace pgsaba::control
