// What the configuration says of the log, as base/log.h takes it. Pure; any thread.
#pragma once

#include "pgsaba/base/log.h"
#include "pgsaba/config/config.h"

namespace pgsaba::control {

log::Options log_options(const config::Log& from);

}  // namespace pgsaba::control
