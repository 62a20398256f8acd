#include "control/file_limit.h"

#include <sys/resource.h>

#include "pgsaba/base/log.h"
#include "pgsaba/config/file_descriptors.h"

namespace pgsaba::control {

void raise_file_limit(const config::Config& config, std::size_t known_users, std::size_t workers) {
  const config::FileDescriptors needed = config::required_file_descriptors(
      config, static_cast<std::int64_t>(known_users), static_cast<std::int64_t>(workers));
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  const auto wanted = static_cast<rlim_t>(needed.total());
  if (limit.rlim_cur < wanted && limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max == RLIM_INFINITY ? wanted : limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
    ::getrlimit(RLIMIT_NOFILE, &limit);
  }
  if (limit.rlim_cur >= wanted) return;
  log::warning(
      "the limit of open files is {}, but the configured limits can need {} ({} clients, {} "
      "servers, {} listeners, {} others): raise LimitNOFILE or lower max_client_connections or "
      "the pool sizes",
      limit.rlim_cur, needed.total(), needed.clients, needed.servers, needed.listeners,
      needed.reserve);
}

}  // namespace pgsaba::control
