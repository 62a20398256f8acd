// Whether this pgsaba can be sent work, for load balancers. Pure; any thread.
#pragma once

#include <string>

#include "control/admin/picture.h"

namespace pgsaba::control {

enum class ReadinessOf : std::uint8_t { kWrites, kReads };

struct Readiness {
  bool ready = false;
  std::string why;  // one line
};

// Writes need a primary that answers, reads a standby that is fit for them. `database`: only the
// cluster it lives in counts; empty: every cluster has to be ready.
Readiness readiness(const admin::ConsolePicture& picture, ReadinessOf of,
                    const std::string& database);

}  // namespace pgsaba::control
