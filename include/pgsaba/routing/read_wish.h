// ReadWish: which statements somebody wants on standbys, as far as they may run there at all: by
// the route of the database or user, by SET pgsaba.route, by a comment in the statement; the later
// one is the stronger one. Pure; any thread.
#pragma once

#include <cstdint>
#include <string_view>

#include "pgsaba/config/config.h"
#include "pgsaba/sql/statement.h"

namespace pgsaba::routing {

enum class ReadWish : std::uint8_t {
  kNone,       // everything goes to the primary
  kInNeed,     // proven reads, while no primary answers
  kProven,     // proven reads
  kWillingly,  // and what nothing speaks against but code of the database's own
};

// Routes that lead all statements to one server have no wish; nor do they know exceptions.
constexpr bool splits(config::RoutePolicy route) {
  return route != config::RoutePolicy::kReplica && route != config::RoutePolicy::kReplicaOnly;
}
ReadWish wish_of(config::RoutePolicy route);
// `word`: the value of pgsaba.route; auto, and what is unknown, leaves it at the route's wish.
ReadWish wish_of(config::RoutePolicy route, std::string_view word);
ReadWish wish_of(ReadWish wish, sql::RouteHint hint);

// Whether the text of the statement allows what is wished.
constexpr bool suits_standby(sql::Access access, ReadWish wish) {
  if (wish == ReadWish::kNone) return false;
  return access == sql::Access::kRead ||
         (access == sql::Access::kOwnCode && wish == ReadWish::kWillingly);
}

}  // namespace pgsaba::routing
