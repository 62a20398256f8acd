// What the workers ask the kernel by: one Network for each, all of them of one kind, so that it
// does not depend on the worker how a client is served. Control thread, before there are workers.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "pgsaba/base/result.h"
#include "pgsaba/config/config.h"
#include "pgsaba/net/network.h"

namespace pgsaba::control {

struct WorkerNetworks {
  std::vector<std::unique_ptr<net::Network>> all;
  std::string_view kind;  // epoll or io_uring
};

// With `auto`, epoll serves where not every worker can have a ring; the log says why.
Result<WorkerNetworks> open_networks(config::NetworkKind kind, std::size_t workers);

}  // namespace pgsaba::control
