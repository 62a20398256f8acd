// The configuration's TCP settings as sockets want them. Pure.
#pragma once

#include "pgsaba/config/config.h"
#include "pgsaba/net/network.h"

namespace pgsaba::worker {

inline net::SocketOptions socket_options(const config::Tcp& tcp) {
  const auto seconds = [](Micros time) { return static_cast<int>(time / kSecond); };
  return {tcp.keepalive, seconds(tcp.keepidle_us), seconds(tcp.keepintvl_us), tcp.keepcnt,
          static_cast<int>(tcp.user_timeout_us / kMillisecond)};
}

}  // namespace pgsaba::worker
