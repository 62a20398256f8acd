#include "pgsaba/routing/read_wish.h"

namespace pgsaba::routing {

ReadWish wish_of(config::RoutePolicy route) {
  switch (route) {
    case config::RoutePolicy::kSplit:
      return ReadWish::kProven;
    case config::RoutePolicy::kPreferReplica:
      return ReadWish::kWillingly;
    case config::RoutePolicy::kPreferPrimary:
      return ReadWish::kInNeed;
    case config::RoutePolicy::kPrimary:
    case config::RoutePolicy::kReplica:
    case config::RoutePolicy::kReplicaOnly:
      break;
  }
  return ReadWish::kNone;
}

ReadWish wish_of(config::RoutePolicy route, std::string_view word) {
  if (word == "primary") return ReadWish::kNone;
  return word == "replica" ? ReadWish::kWillingly : wish_of(route);
}

ReadWish wish_of(ReadWish wish, sql::RouteHint hint) {
  switch (hint) {
    case sql::RouteHint::kPrimary:
      return ReadWish::kNone;
    case sql::RouteHint::kReplica:
      return ReadWish::kWillingly;
    case sql::RouteHint::kNone:
      break;
  }
  return wish;
}

}  // namespace pgsaba::routing
