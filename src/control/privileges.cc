#include "control/privileges.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <vector>

namespace pgsaba::control {
namespace {

Error cannot(const std::string& what) { return Error{what + ": " + std::strerror(errno)}; }

}  // namespace

Result<SystemUser> find_system_user(const std::string& name) {
  std::vector<char> room(16'384);
  passwd entry{};
  passwd* found = nullptr;
  ::getpwnam_r(name.c_str(), &entry, room.data(), room.size(), &found);
  if (found == nullptr)
    return Error{"user: there is no user \"" + name + "\" on this machine",
                 "adduser --system --group " + name + " makes one."};
  return SystemUser{name, found->pw_uid, found->pw_gid};
}

Status become(const SystemUser& user) {
  if (::geteuid() == user.uid && ::getuid() == user.uid) return done();
  if (::geteuid() != 0)
    return Error{"user: cannot become \"" + user.name + "\"",
                 "Only root can: start pgsaba as root, or as that user and without the setting."};
  if (::initgroups(user.name.c_str(), user.gid) != 0) return cannot("initgroups");
  if (::setresgid(user.gid, user.gid, user.gid) != 0) return cannot("setresgid");
  if (::setresuid(user.uid, user.uid, user.uid) != 0) return cannot("setresuid");
  if (user.uid != 0 && ::setuid(0) == 0) return Error{"user: root's rights could be had again"};
  return done();
}

Status make_file(const std::string& path, const SystemUser& user) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
                          S_IRUSR | S_IWUSR | S_IRGRP);
  if (file < 0) return errno == EEXIST ? done() : Status(cannot("cannot make \"" + path + "\""));
  const bool given = ::fchown(file, user.uid, user.gid) == 0;
  const Status made =
      given ? done() : Status(cannot("cannot give \"" + path + "\" to " + user.name));
  ::close(file);
  return made;
}

Status find_log_directory(const std::string& file) {
  if (file.empty()) return done();
  const std::filesystem::path directory = std::filesystem::absolute(file).parent_path();
  std::error_code error;
  if (std::filesystem::is_directory(directory, error)) return done();
  return Error{"log.file: there is no directory \"" + directory.string() + "\"",
               "mkdir makes one; it has to belong to the user that pgsaba runs as."};
}

void forbid_core_dumps() {
  const rlimit none = {0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

}  // namespace pgsaba::control
