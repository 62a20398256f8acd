#include "control/user_files.h"

namespace pgsaba::control {

Result<UserFiles> load_users(const config::Config& config) {
  auth::UserList present;
  auth::UserList previous;
  if (!config.auth.file.empty()) {
    auto read = auth::load_userlist(config.auth.file);
    if (!read) return read.error();
    present = std::move(*read);
  }
  if (!config.auth.previous_file.empty()) {
    auto read = auth::load_userlist(config.auth.previous_file);
    if (!read) return read.error();
    previous = std::move(*read);
    if (Status fits = auth::check_previous(previous, present); !fits.ok()) return fits.error();
  }
  return UserFiles{std::make_shared<const auth::UserList>(std::move(present)),
                   std::make_shared<const auth::UserList>(std::move(previous))};
}

}  // namespace pgsaba::control
