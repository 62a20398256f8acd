// PoolKey: what makes two clients share server connections: the same database entry, the same
// server user and the same server. Any thread; a value.
#pragma once

#include <cstdint>
#include <string>
#include <tuple>

namespace pgsaba::pool {

struct PoolKey {
  std::string database;      // as clients call it
  std::string user;          // as servers know it
  std::uint32_t server = 0;  // index into the cluster's servers

  bool operator==(const PoolKey&) const = default;
  bool operator<(const PoolKey& other) const {
    return std::tie(database, user, server) < std::tie(other.database, other.user, other.server);
  }
};

}  // namespace pgsaba::pool
