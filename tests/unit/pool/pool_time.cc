// What a pool does as time passes: limits of waiting, retries, ends of servers.
#include <doctest/doctest.h>

#include "unit/pool/fake_host.h"

using namespace pgsaba;
using namespace pgsaba::pool;
using namespace pgsaba::testing;
using Place = Pool::Place;

namespace {

// What every server that is logging in says instead of a welcome.
void refuse(PoolWorld& world, const char* sqlstate) {
  for (auto& [socket, line] : std::map(world.host.network.lines))
    if (line.owner != nullptr && world.at(Place::kOpening) > 0)
      world.host.network.say(socket,
                             frame('E', "SFATAL" + zeros("|C") + sqlstate + zeros("|Mno||")));
  world.step();
}

}  // namespace

TEST_CASE("query_wait") {
  PoolPolicy policy = PoolWorld::default_policy();
  policy.settings.pool_size = 1;
  PoolWorld world(policy);
  const auto holder = world.client();
  world.log_in();
  const auto first = world.client();
  world.pass(4 * kSecond);
  const auto second = world.client();
  world.pass(5'999 * kMillisecond);
  CHECK(first->refusal.empty());
  world.pass(kMillisecond);
  CHECK(first->refusal == "53300");
  CHECK(second->refusal.empty());
  world.pass(4 * kSecond);
  CHECK(second->refusal == "53300");
  CHECK(holder->server != nullptr);
}

TEST_CASE("the reserve opens once clients have waited") {
  PoolPolicy policy = PoolWorld::default_policy();
  policy.settings.pool_size = 1;
  policy.settings.reserve_pool_size = 1;
  policy.reserve_pool_us = 3 * kSecond;
  PoolWorld world(policy);
  const auto first = world.client();
  world.log_in();
  const auto second = world.client();
  const auto third = world.client();
  world.pass(2'900 * kMillisecond);
  CHECK(world.pool->servers() == 1);
  world.pass(200 * kMillisecond);
  CHECK(world.pool->servers() == 2);
  world.log_in();
  CHECK(second->server != nullptr);
  world.pass(3 * kSecond);
  CHECK(third->server == nullptr);
  CHECK(world.pool->servers() == 2);
}

TEST_CASE("a server that is not there is tried again, ever more slowly, up to failover_wait") {
  PoolPolicy policy = PoolWorld::default_policy();
  policy.settings.query_wait_us = 0;
  PoolWorld world(policy);
  world.host.network.refuses = true;
  const auto client = world.client();
  CHECK(world.slots() == 0);
  int attempts = 0;
  for (int i = 0; i < 299; ++i) {
    const std::size_t before = world.host.log.size();
    world.pass(100 * kMillisecond);
    attempts += static_cast<int>(world.host.log.size() - before);
  }
  CHECK(client->refusal.empty());
  CHECK(attempts > 5);
  CHECK(attempts < 20);
  world.pass(200 * kMillisecond);
  CHECK(client->refusal == "08006");
}

TEST_CASE("it is used as soon as it answers") {
  PoolWorld world;
  world.host.network.refuses = true;
  const auto client = world.client();
  world.pass(kSecond);
  world.host.network.refuses = false;
  world.pass(kSecond);
  world.log_in();
  CHECK(client->server != nullptr);
}

TEST_CASE("a refused login is told at once, and again until the next attempt is due") {
  PoolWorld world;
  const auto client = world.client();
  refuse(world, "28P01");
  CHECK(client->refusal == "28P01");
  CHECK(world.slots() == 0);
  REQUIRE(world.pool->standing_refusal());
  CHECK(world.pool->standing_refusal()->sqlstate == "28P01");
  world.pass(14 * kSecond);
  CHECK(world.pool->standing_refusal());
  world.pass(2 * kSecond);
  CHECK_FALSE(world.pool->standing_refusal());
}

TEST_CASE("a refused login among servers that serve harms nobody") {
  PoolWorld world;
  const auto first = world.client();
  world.log_in();
  const auto second = world.client();
  CHECK(world.at(Place::kOpening) == 1);
  world.host.network.say(2, frame('E', zeros("SFATAL|C53300|Mfull||")));
  world.step();
  CHECK(second->refusal.empty());
  CHECK_FALSE(world.pool->standing_refusal());
  world.give_back(*first);
  CHECK(second->server != nullptr);
}

TEST_CASE("a server that starts up is waited for") {
  PoolWorld world;
  const auto client = world.client();
  refuse(world, "57P03");
  CHECK(client->refusal.empty());
  CHECK_FALSE(world.pool->standing_refusal());
  CHECK(world.at(Place::kOpening) == 0);
  world.pass(kSecond);
  CHECK(world.at(Place::kOpening) == 1);
  world.log_in();
  CHECK(client->server != nullptr);
}

TEST_CASE("where a primary should be, a standby serves nobody") {
  PoolWorld world;
  world.host.primary = true;
  const auto client = world.client();
  world.log_in_as_standby();
  CHECK(client->server == nullptr);
  CHECK(client->refusal.empty());
  CHECK_FALSE(world.pool->standing_refusal());
  CHECK(world.host.vanished == 1);
  CHECK(world.slots() == 0);
  world.pass(kSecond);
  world.log_in("in_hot_standby|off|");
  CHECK(client->server != nullptr);
}

TEST_CASE("elsewhere a standby serves") {
  PoolWorld world;
  const auto client = world.client();
  world.log_in("in_hot_standby|on|");
  CHECK(client->server != nullptr);
}

TEST_CASE("a standby in the primary's place is waited for up to failover_wait") {
  PoolPolicy policy = PoolWorld::default_policy();
  policy.settings.query_wait_us = 0;
  PoolWorld world(policy);
  world.host.primary = true;
  const auto client = world.client();
  for (int i = 0; i < 290 && client->refusal.empty(); ++i) {
    world.log_in_as_standby();
    world.pass(100 * kMillisecond);
  }
  CHECK(client->refusal.empty());
  for (int i = 0; i < 20 && client->refusal.empty(); ++i) {
    world.log_in_as_standby();
    world.pass(100 * kMillisecond);
  }
  CHECK(client->refusal == "08006");
}

TEST_CASE("a server that is known to answer again is tried at once, and waited for anew") {
  PoolPolicy policy = PoolWorld::default_policy();
  policy.settings.query_wait_us = 0;
  PoolWorld world(policy);
  world.host.network.refuses = true;
  const auto client = world.client();
  for (int i = 0; i < 290; ++i) world.pass(100 * kMillisecond);
  const std::size_t attempts = world.host.log.size();
  world.pool->retry_now();
  world.step();
  CHECK(world.host.log.size() == attempts + 1);
  for (int i = 0; i < 290; ++i) world.pass(100 * kMillisecond);
  CHECK(client->refusal.empty());
}

TEST_CASE("a server that is cut off loses everybody, and is connected to anew") {
  PoolWorld world;
  const auto client = world.client();
  world.log_in();
  const auto other = world.client();
  world.log_in();
  world.give_back(*other);
  REQUIRE(world.at(Place::kIdle) == 1);
  world.pool->cut_off(server::CloseReason::kSilent);
  CHECK(client->server == nullptr);
  CHECK(world.pool->servers() == 0);
  CHECK(world.slots() == 0);
  const auto next = world.client();
  world.log_in();
  CHECK(next->server != nullptr);
}

TEST_CASE("server_connect ends an attempt that hangs") {
  PoolWorld world;
  const auto client = world.client();
  world.pass(4 * kSecond);
  CHECK(world.at(Place::kOpening) == 1);
  world.pass(1'100 * kMillisecond);
  CHECK(std::ranges::find(world.host.log, "connect timeout") != world.host.log.end());
}

TEST_CASE("servers opened together do not end together") {
  PoolPolicy policy = PoolWorld::default_policy();
  policy.settings.pool_size = 4;
  policy.settings.server_lifetime_us = 400 * kSecond;
  PoolWorld world(policy);
  std::vector<std::unique_ptr<FakeClient>> clients;
  clients.reserve(4);
  for (int i = 0; i < 4; ++i) clients.push_back(world.client());
  world.log_in();
  for (const auto& client : clients) world.give_back(*client);
  world.pass(399 * kSecond);
  CHECK(world.pool->servers() == 4);
  for (std::size_t left = 3; left < 4; --left) {
    world.pass(kSecond);
    CHECK(world.pool->servers() == left);
    world.pass(98 * kSecond);
    CHECK(world.pool->servers() == left);
    world.pass(kSecond);
  }
}

TEST_CASE("a server past its lifetime goes when its client gives it back") {
  PoolWorld world;
  const auto client = world.client();
  world.log_in();
  world.pass(3'600 * kSecond);
  CHECK(client->server != nullptr);
  world.give_back(*client);
  CHECK(world.pool->servers() == 0);
}

TEST_CASE("lifetime 0: every lease has a server of its own") {
  PoolPolicy policy = PoolWorld::default_policy();
  policy.settings.server_lifetime_us = 0;
  PoolWorld world(policy);
  const auto client = world.client();
  world.log_in();
  REQUIRE(client->server != nullptr);
  world.pass(kSecond);
  world.give_back(*client);
  CHECK(world.pool->servers() == 0);
}

TEST_CASE("idle servers go, down to min_pool_size") {
  PoolPolicy policy = PoolWorld::default_policy();
  policy.settings.pool_size = 3;
  policy.settings.min_pool_size = 1;
  policy.server_idle_us = 60 * kSecond;
  PoolWorld world(policy);
  std::vector<std::unique_ptr<FakeClient>> clients;
  clients.reserve(3);
  for (int i = 0; i < 3; ++i) clients.push_back(world.client());
  world.log_in();
  for (const auto& client : clients) world.give_back(*client);
  world.pass(59 * kSecond);
  CHECK(world.pool->servers() == 3);
  world.pass(kSecond);
  CHECK(world.pool->servers() == 1);
}

TEST_CASE("min_pool_size is opened while there are clients") {
  PoolPolicy policy = PoolWorld::default_policy();
  policy.settings.min_pool_size = 2;
  PoolWorld world(policy);
  world.pass(kSecond);
  CHECK(world.pool->servers() == 0);
  world.pool->client_joined();
  world.pass(kSecond);
  CHECK(world.pool->servers() == 2);
  world.pool->client_left();
}
