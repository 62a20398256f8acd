// PoolKey: what makes two clients share server connections: the same database entry, the same
// server user and the same server. Any thread; a value.
#pragma once

#include <compare>
#include <cstdint>
#include <string>

namespace pgsaba::pool {

struct PoolKey {
  std::string database;      // as clients call it
  std::string user;          // as servers know it
  std::uint32_t server = 0;  // index into the cluster's servers

  auto operator<=>(const PoolKey&) const = default;
};

}  // namespace pgsaba::pool
