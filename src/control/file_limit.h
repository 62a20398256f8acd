// The process's limit of open files: raised as far as allowed, and compared with what the
// configured limits can need. Called at start and at reload.
#pragma once

#include <cstddef>

#include "pgsaba/config/config.h"

namespace pgsaba::control {

// Logs a warning that names the numbers if the limit is too low.
void raise_file_limit(const config::Config& config, std::size_t known_users, std::size_t workers);

}  // namespace pgsaba::control
