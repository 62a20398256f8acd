// Metrics about access: handshakes of TLS, logins that came to nothing, errors that clients were
// told.
#pragma once

#include "control/admin/picture.h"
#include "control/metric_families.h"

namespace pgsaba::control {

void add_access(Families& all, const admin::ConsolePicture& picture);

}  // namespace pgsaba::control
