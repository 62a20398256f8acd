// Reads the lists of users and secrets that a configuration names. Control thread; at start and at
// reload.
#pragma once

#include <memory>

#include "pgsaba/auth/userlist.h"
#include "pgsaba/config/config.h"

namespace pgsaba::control {

struct UserFiles {
  std::shared_ptr<const auth::UserList> present;
  std::shared_ptr<const auth::UserList> previous;
};

Result<UserFiles> load_users(const config::Config& config);

}  // namespace pgsaba::control
