#include "pgsaba/pool/pin_places.h"

#include <algorithm>

namespace pgsaba::pool {

PinLimits pin_limits(const config::PoolSettings& settings) {
  std::int32_t servers = 0;
  for (const std::int32_t limit :
       {settings.pool_size, settings.max_db_connections, settings.max_user_connections})
    if (limit > 0) servers = servers == 0 ? limit : std::min(servers, limit);
  const std::int32_t wanted = settings.max_pinned_servers;
  if (servers == 0) return {wanted, 0};
  const std::int32_t room = std::max(1, servers - 1);
  return {wanted == 0 ? room : std::min(wanted, room), room};
}

bool PinPlaces::take_for_sequence(const PinLimits& limits) {
  if (limits.usual == 0) return sequences_.take(0);
  const std::int32_t left = limits.usual - lasting_.held();
  return left > 0 && sequences_.take(left);
}

bool PinPlaces::crowded(const PinLimits& limits) const {
  return limits.usual > 0 && sequences_.held() > 0 &&
         lasting_.held() + sequences_.held() > limits.usual;
}

}  // namespace pgsaba::pool
