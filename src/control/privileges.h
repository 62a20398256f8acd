// What the process may do: as whom it runs, and whether its memory may be written to a file.
// Control thread, at start.
#pragma once

#include <sys/types.h>

#include <string>

#include "pgsaba/base/result.h"

namespace pgsaba::control {

struct SystemUser {
  std::string name;
  uid_t uid = 0;
  gid_t gid = 0;
};

// The error tells that there is no such user.
Result<SystemUser> find_system_user(const std::string& name);

// From now on the process is this user's, with its groups and nobody else's, and there is no way
// back. Nothing happens if it is already; only root can become another one.
Status become(const SystemUser& user);

// Makes a file that is the user's, since what root makes it could not write to. One that is there
// already stays as it is: it may be another one by the name it has.
Status make_file(const std::string& path, const SystemUser& user);

// The directory of log.file has to be there; without a file there is none to find. It is not made:
// it would be root's, or in the place of one that is mounted later.
Status find_log_directory(const std::string& file);

// No core files, and no other process of the same user may look into our memory: passwords and keys
// are in it.
void forbid_core_dumps();

}  // namespace pgsaba::control
