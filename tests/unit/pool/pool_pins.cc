// Clients that will keep their server wait for leave to do so: in their order, over all workers.
#include <doctest/doctest.h>

#include "pgsaba/pool/pool.h"
#include "unit/pool/fake_host.h"

using namespace pgsaba;
using namespace pgsaba::pool;
using namespace pgsaba::testing;

namespace {

PoolPolicy policy_of(std::int32_t servers, std::int32_t pins) {
  PoolPolicy policy = PoolWorld::default_policy();
  policy.settings.pool_size = servers;
  policy.settings.max_pinned_servers = pins;
  return policy;
}

// As a session does it: a place first, then a server.
std::unique_ptr<FakeClient> keeper(PoolWorld& world) {
  auto made = std::make_unique<FakeClient>(*world.pool);
  made->wants_pin = true;
  server::ServerConnection* server =
      world.pool->pin_in_turn(*made) ? world.pool->take(made->settings) : nullptr;
  if (server != nullptr) {
    made->granted(*server);
  } else {
    world.pool->enqueue(*made);
    world.step();
  }
  return made;
}

void let_go(PoolWorld& world, FakeClient& client) {
  world.pool->unpin(client);
  world.give_back(client);
}

}  // namespace

TEST_CASE("whoever waits for a place takes no server and opens none") {
  PoolWorld world(policy_of(3, 1));
  const auto first = keeper(world);
  world.log_in();
  REQUIRE(first->server != nullptr);
  const auto second = keeper(world);
  const auto third = keeper(world);
  CHECK(second->server == nullptr);
  CHECK(world.slots() == 1);
  CHECK(world.pool->waiters().empty());
  CHECK(world.pool->pin_waiters().size() == 2);
  CHECK(world.pool->urgent());
  // Others are not concerned.
  const auto other = world.client();
  world.log_in();
  CHECK(other->server != nullptr);
  CHECK(second->server == nullptr);
  world.give_back(*other);
  let_go(world, *first);
  CHECK(second->server != nullptr);
  CHECK(second->holds_pin);
  CHECK(third->server == nullptr);
  let_go(world, *second);
  CHECK(third->server != nullptr);
  let_go(world, *third);
  CHECK_FALSE(world.pool->urgent());
  CHECK(world.book_pool->pins.lasting() == 0);
}

TEST_CASE("whoever comes while others wait for a place stands behind them") {
  PoolWorld world(policy_of(3, 1));
  const auto first = keeper(world);
  world.log_in();
  const auto second = keeper(world);
  world.host.match_wanted = false;
  world.pool->unpin(*first);  // nobody is matched yet
  CHECK(world.host.match_wanted);
  FakeClient late(*world.pool);
  CHECK_FALSE(world.pool->pin_in_turn(late));
  CHECK(world.pool->pin(late));  // one inside a transaction holds locks that they may wait for
  world.pool->unpin(late);
  world.step();
  CHECK(second->holds_pin);
  world.log_in();
  world.give_back(*first);
  let_go(world, *second);
}

TEST_CASE("it has its place before it has a server, and its time goes on") {
  PoolWorld world(policy_of(2, 1));
  const auto pinned = keeper(world);
  const auto busy = world.client();
  world.log_in();
  const auto waits = keeper(world);
  world.pass(3 * kSecond);
  const auto later = world.client();
  world.pool->unpin(*pinned);  // and keeps its server for a while
  world.step();
  CHECK(waits->holds_pin);
  CHECK(waits->server == nullptr);
  CHECK(world.pool->waiters().size() == 2);
  world.give_back(*busy);  // the one that has waited longer is first
  CHECK(waits->server != nullptr);
  CHECK(later->server == nullptr);
  world.give_back(*pinned);
  CHECK(later->server != nullptr);
  let_go(world, *waits);
  world.give_back(*later);
}

TEST_CASE("the wait for a place is bounded by query_wait") {
  PoolWorld world(policy_of(3, 1));
  const auto first = keeper(world);
  world.log_in();
  const auto second = keeper(world);
  world.pass(9 * kSecond);
  const auto third = keeper(world);
  CHECK(second->refusal.empty());
  world.pass(1 * kSecond);
  CHECK(second->refusal == "53300");
  CHECK(third->refusal.empty());
  world.pool->refuse_all({"FATAL", "57P01", "over"});
  CHECK(third->refusal == "57P01");
  CHECK(world.pool->pin_waiters().empty());
  let_go(world, *first);
}

TEST_CASE("whoever leaves the queue gets no place") {
  PoolWorld world(policy_of(3, 1));
  const auto first = keeper(world);
  world.log_in();
  const auto second = keeper(world);
  CHECK_FALSE(world.pool->unused());
  world.pool->leave(*second);
  let_go(world, *first);
  CHECK_FALSE(second->holds_pin);
  CHECK(world.book_pool->pins.lasting() == 0);
}

TEST_CASE("first come, first served, also in another worker") {
  PoolWorld here(policy_of(3, 1), 0);
  PoolWorld there(policy_of(3, 1), 1, here.book_pool);
  const auto pinned = keeper(here);
  here.log_in();
  there.host.turn().now += 1;
  const auto second = keeper(there);
  here.host.turn().now += 2;
  const auto third = keeper(here);
  let_go(here, *pinned);
  CHECK_FALSE(third->holds_pin);  // it is not its turn
  there.step();
  CHECK(second->holds_pin);
  there.log_in();
  CHECK(second->server != nullptr);
  here.step();
  CHECK_FALSE(third->holds_pin);
  let_go(there, *second);
  here.pass(0);
  CHECK(third->holds_pin);
  let_go(here, *third);
}

TEST_CASE("nobody has a place in a pool that is paused, and a higher limit counts at once") {
  PoolWorld world(policy_of(4, 1));
  const auto first = keeper(world);
  world.log_in();
  const auto second = keeper(world);
  const auto third = keeper(world);
  world.pool->pause(true);
  let_go(world, *first);
  CHECK_FALSE(second->holds_pin);
  world.pool->pause(false);
  world.step();
  world.log_in();
  CHECK(second->holds_pin);
  CHECK_FALSE(third->holds_pin);
  REQUIRE(second->server != nullptr);
  world.pool->reconfigure(second->server->target_ref(), policy_of(4, 2));
  world.step();
  CHECK(third->holds_pin);
  world.log_in();
  let_go(world, *second);
  let_go(world, *third);
}
