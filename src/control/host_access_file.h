// Reads the files of auth.hba_file and auth.ident_file with what the machine's own networks are.
// Control thread; at start and at reload.
#pragma once

#include <memory>

#include "control/admin/picture.h"
#include "pgsaba/auth/host_access.h"
#include "pgsaba/config/config.h"

namespace pgsaba::control {

// Null if the configuration wants none. The first error of the files refuses them whole.
Result<std::shared_ptr<const auth::HostAccess>> load_host_access(const config::Auth& auth);
// The same for admin.hba_file.
Result<std::shared_ptr<const auth::HostAccess>> load_console_access(const config::Config& config);

// What SHOW HBA lists: the rules as the file has them now, with what is wrong with each; a file
// that cannot be read is one line. Empty if the configuration wants none.
std::vector<admin::HbaInfo> hba_infos(const config::Config& config);

}  // namespace pgsaba::control
