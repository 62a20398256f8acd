// Which server serves: of a configured role, and for a read, from its text to the standby.
#include <memory>

#include "part.h"
#include "pgsaba/routing/read_balance.h"
#include "pgsaba/routing/read_wish.h"
#include "pgsaba/routing/router.h"
#include "texts.h"

namespace bench {
namespace {

using namespace pgsaba::routing;
using pgsaba::config::RoutePolicy;

constexpr pgsaba::Micros kWarm = 1'000 * pgsaba::kSecond;
constexpr pgsaba::Micros kReadTime = 300;

TopologyServer server(ServerRole role) {
  TopologyServer server;
  server.role = role;
  server.reachable = true;
  server.streaming = role == ServerRole::kStandby;
  server.timeline = 1;
  server.replay_lag_time = 0;
  return server;
}

TopologyCluster primary_and_two() {
  TopologyCluster cluster;
  cluster.servers = {server(ServerRole::kPrimary), server(ServerRole::kStandby),
                     server(ServerRole::kStandby)};
  cluster.primary_state = PrimaryState::kElected;
  cluster.primary = 0;
  return cluster;
}

// Two warm standbys, both of which show all that was written.
struct Standbys {
  CausalClock clock;
  ReadBalance balance;
  ReadNeeds needs;

  Standbys() {
    for (const pgsaba::Micros now : {pgsaba::Micros{0}, kWarm})
      balance.update(primary_and_two(), {1, 1, 1}, 0, now);
    needs.written = clock.tick();
    for (const std::size_t standby : {std::size_t{1}, std::size_t{2}})
      clock.became_fresh(standby, clock.life(standby), clock.tick());
  }

  void read() {
    const auto picked = balance.pick(&clock, needs);
    if (!picked) return;
    balance.began(*picked);
    balance.ended(*picked, kReadTime);
  }
};

}  // namespace

void add_routing(Parts& parts) {
  parts.push_back(part("routing/primary", [cluster = primary_and_two()] {
    keep(cluster);
    keep(Router::choose(cluster, RoutePolicy::kSplit));
  }));
  parts.push_back(part("routing/standby", [standbys = std::make_shared<Standbys>()] {
    standbys->read();
    keep(*standbys);
  }));
  const auto rules =
      std::make_shared<const pgsaba::sql::AccessRules>(pgsaba::sql::AccessRules::Lists{});
  parts.push_back(part("routing/read", [rules, standbys = std::make_shared<Standbys>(),
                                        text = std::string(text::kSelect)] {
    keep(text);
    const auto statement = pgsaba::sql::read_statement(text, {}, rules.get());
    const ReadWish wish = wish_of(wish_of(RoutePolicy::kSplit), statement.hint);
    if (suits_standby(statement.access, wish)) standbys->read();
    keep(*standbys);
  }));
}

}  // namespace bench
