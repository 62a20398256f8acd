#include "pgsaba/routing/read_wish.h"

#include <doctest/doctest.h>

using namespace pgsaba;
using namespace pgsaba::routing;
using config::RoutePolicy;
using sql::Access;
using sql::RouteHint;

TEST_CASE("the later wish is the stronger one") {
  struct Row {
    RoutePolicy route;
    const char* set;
    RouteHint hint;
    ReadWish wish;
  };
  constexpr Row kRows[] = {
      {RoutePolicy::kPrimary, "", RouteHint::kNone, ReadWish::kNone},
      {RoutePolicy::kSplit, "", RouteHint::kNone, ReadWish::kProven},
      {RoutePolicy::kPreferReplica, "", RouteHint::kNone, ReadWish::kWillingly},
      {RoutePolicy::kPreferPrimary, "", RouteHint::kNone, ReadWish::kInNeed},
      {RoutePolicy::kReplica, "", RouteHint::kNone, ReadWish::kNone},
      {RoutePolicy::kSplit, "primary", RouteHint::kNone, ReadWish::kNone},
      {RoutePolicy::kSplit, "auto", RouteHint::kNone, ReadWish::kProven},
      {RoutePolicy::kSplit, "nonsense", RouteHint::kNone, ReadWish::kProven},
      {RoutePolicy::kPrimary, "replica", RouteHint::kNone, ReadWish::kWillingly},
      {RoutePolicy::kPreferReplica, "primary", RouteHint::kReplica, ReadWish::kWillingly},
      {RoutePolicy::kSplit, "replica", RouteHint::kPrimary, ReadWish::kNone},
  };
  for (const Row& row : kRows) CHECK(wish_of(wish_of(row.route, row.set), row.hint) == row.wish);
}

TEST_CASE("no wish sends a write to a standby") {
  for (const ReadWish wish :
       {ReadWish::kNone, ReadWish::kInNeed, ReadWish::kProven, ReadWish::kWillingly}) {
    CHECK_FALSE(suits_standby(Access::kWrite, wish));
    CHECK_FALSE(suits_standby(Access::kUnknown, wish));
    CHECK_FALSE(suits_standby(Access::kPrimaryRead, wish));
    CHECK(suits_standby(Access::kOwnCode, wish) == (wish == ReadWish::kWillingly));
    CHECK(suits_standby(Access::kRead, wish) == (wish != ReadWish::kNone));
  }
  CHECK(splits(RoutePolicy::kPrimary));
  CHECK_FALSE(splits(RoutePolicy::kReplicaOnly));
}
