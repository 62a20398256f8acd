// How many file descriptors the configured limits can need, to be compared with the process's
// limit at start. Pure; any thread.
#pragma once

#include <cstdint>

#include "pgsaba/config/config.h"

namespace pgsaba::config {

struct FileDescriptors {
  std::int64_t clients = 0;
  std::int64_t servers = 0;
  std::int64_t listeners = 0;
  std::int64_t reserve = 0;  // loops, log, DNS, HTTP, cancel requests, monitors

  std::int64_t total() const { return clients + servers + listeners + reserve; }
};

// `known_users`: how many users may log in (at least those of the file's `users`), `workers`: how
// many threads will run. A database without a forced user and without max_connections may open a
// pool for each user.
FileDescriptors required_file_descriptors(const Config& config, std::int64_t known_users,
                                          std::int64_t workers);

}  // namespace pgsaba::config
