#include "control/worker_networks.h"

#include <string>
#include <utility>

#include "pgsaba/base/log.h"
#include "pgsaba/net/epoll_network.h"
#include "pgsaba/net/uring_network.h"

namespace pgsaba::control {
namespace {

template <class Kind>
Result<WorkerNetworks> open_all(std::size_t workers, std::string_view name) {
  WorkerNetworks networks;
  networks.kind = name;
  for (std::size_t i = 0; i < workers; ++i) {
    auto one = Kind::create();
    if (!one)
      return Error{
          std::string(name) + " for worker " + std::to_string(i) + ": " + one.error().message,
          one.error().hint};
    networks.all.push_back(std::move(*one));
  }
  return networks;
}

}  // namespace

Result<WorkerNetworks> open_networks(config::NetworkKind kind, std::size_t workers) {
  if (kind != config::NetworkKind::kEpoll) {
    auto rings = open_all<net::UringNetwork>(workers, "io_uring");
    if (rings || kind == config::NetworkKind::kUring) return rings;
    log::info("network: epoll, for there is no {}", rings.error().message);
  }
  return open_all<net::EpollNetwork>(workers, "epoll");
}

}  // namespace pgsaba::control
