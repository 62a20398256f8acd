#include "pgsaba/pool/pool.h"

#include <doctest/doctest.h>

#include "unit/pool/fake_host.h"

using namespace pgsaba;
using namespace pgsaba::pool;
using namespace pgsaba::testing;
using Place = Pool::Place;

namespace {

const std::string ok_reply = frame('C', zeros("OK|")) + frame('Z', "I");

// The client's query and its answer; the status it ends with.
void query(PoolWorld& world, FakeClient& client, const char* status = "I") {
  client.server->forward(server::Request::kQuery, bytes_of(frame('Q', zeros("x|"))));
  world.host.network.say(client.server->socket(), frame('C', zeros("X|")) + frame('Z', status));
  run(world.host.turn());
}

}  // namespace

TEST_CASE("the first client opens a server and gets it") {
  PoolWorld world;
  const auto client = world.client();
  CHECK(client->server == nullptr);
  CHECK(world.at(Place::kOpening) == 1);
  CHECK(world.slots() == 1);
  world.log_in();
  REQUIRE(client->server != nullptr);
  CHECK(world.at(Place::kLent) == 1);
  CHECK(world.pool->totals().server_assignment_count == 1);
  query(world, *client);
  world.give_back(*client);
  CHECK(world.at(Place::kIdle) == 1);
  const auto next = world.client();
  CHECK(next->server != nullptr);
  CHECK(world.slots() == 1);
  world.give_back(*next);
}

TEST_CASE("no more servers than slots, and the queue keeps its order") {
  PoolWorld world;
  std::vector<std::unique_ptr<FakeClient>> clients;
  clients.reserve(5);
  for (int i = 0; i < 5; ++i) clients.push_back(world.client());
  CHECK(world.at(Place::kOpening) == 2);
  world.log_in();
  CHECK(world.host.shortages.back() == SlotRefusal::kPool);
  CHECK(clients[0]->server != nullptr);
  CHECK(clients[1]->server != nullptr);
  for (std::size_t i = 2; i < 5; ++i) {
    CHECK(clients[i]->server == nullptr);
    world.give_back(*clients[i - 2]);
    CHECK(clients[i]->server != nullptr);
  }
  CHECK(world.slots() == 2);
  // Whoever comes while others wait stands behind them, even if a server is free.
  const auto sixth = world.client();
  const auto seventh = world.client();
  const auto eighth = world.client();
  world.pool->give_back(*std::exchange(clients[3]->server, nullptr));  // nobody is matched yet
  CHECK(world.at(Place::kIdle) == 1);
  CHECK(world.pool->take(nullptr) == nullptr);
  world.step();
  CHECK(sixth->server != nullptr);
  // And whoever leaves the queue gets none.
  world.pool->leave(*seventh);
  world.give_back(*clients[4]);
  CHECK(eighth->server != nullptr);
  CHECK(seventh->server == nullptr);
  world.give_back(*sixth);
  world.give_back(*eighth);
}

TEST_CASE("the server used last is used next, or the one that rested longest") {
  for (const bool round_robin : {false, true}) {
    PoolPolicy policy = PoolWorld::default_policy();
    policy.round_robin = round_robin;
    PoolWorld world(policy);
    const auto first = world.client();
    const auto second = world.client();
    world.log_in();
    const server::ServerConnection* rested_longer = first->server;
    world.give_back(*first);
    world.give_back(*second);
    const auto next = world.client();
    CHECK((next->server == rested_longer) == round_robin);
    world.give_back(*next);
  }
}

TEST_CASE("a server whose settings fit is preferred") {
  PoolWorld world;
  const auto first = world.client();
  const auto second = world.client();
  world.log_in();
  server::SettingsTable table;
  const server::SettingsRef tokyo = table.intern({{"timezone", "Asia/Tokyo"}});
  first->server->settings_are(tokyo);
  const server::ServerConnection* fits = first->server;
  world.give_back(*first);
  world.give_back(*second);
  CHECK(world.pool->take(tokyo) == fits);
}

namespace {

// Clients with these letters for settings queue for one server, a millisecond after each other;
// the letters in the order in which they are served. The server begins with "a".
std::string served(std::string_view letters, Micros apart) {
  PoolPolicy policy = PoolWorld::default_policy();
  policy.settings.pool_size = 1;
  PoolWorld world(policy);
  server::SettingsTable table;
  const auto holder = world.client();
  world.log_in();
  std::vector<std::unique_ptr<FakeClient>> clients;
  for (const char letter : letters) {
    clients.push_back(std::make_unique<FakeClient>(*world.pool));
    clients.back()->settings = table.intern({{"application_name", std::string(1, letter)}});
    world.pool->enqueue(*clients.back());
    world.host.turn().now += apart;
  }
  std::string order;
  holder->server->settings_are(table.intern({{"application_name", "a"}}));
  world.give_back(*holder);
  while (order.size() < letters.size()) {
    for (std::size_t i = 0; i < clients.size(); ++i) {
      if (clients[i]->server == nullptr) continue;
      order += letters[i];
      clients[i]->server->settings_are(clients[i]->settings);
      world.give_back(*clients[i]);
      break;
    }
  }
  return order;
}

}  // namespace

TEST_CASE("a server goes to whoever has its settings, among those that came about the same time") {
  CHECK(served("abababab", 0) == "aaaabbbb");
  CHECK(served("babababa", 0) == "aaaabbbb");
  CHECK(served("cbacba", 0) == "aaccbb");
  // Two milliseconds are about the same time.
  CHECK(served("babababa", kMillisecond) == "abbbaaab");
  CHECK(served("bbba", kMillisecond) == "bbba");
  CHECK(served("bbba", Pool::kOvertakingUs + 1) == "bbba");
  // Not the whole queue is searched.
  CHECK(served(std::string(20, 'b') + "a", 0) == std::string(20, 'b') + "a");
}

TEST_CASE("a server in a transaction is rolled back before anybody else has it") {
  PoolWorld world;
  const auto client = world.client();
  world.log_in();
  query(world, *client, "T");
  const net::Socket socket = client->server->socket();
  world.host.network.sent(socket);
  world.give_back(*client);
  CHECK(world.at(Place::kResting) == 1);
  CHECK(world.host.network.sent(socket) == frame('Q', zeros("ROLLBACK|")));
  CHECK(world.pool->take(nullptr) == nullptr);
  world.host.network.say(socket, ok_reply);
  world.step();
  CHECK(world.at(Place::kIdle) == 1);
}

TEST_CASE("session pooling resets the server between clients") {
  PoolPolicy policy = PoolWorld::default_policy();
  policy.settings.pool_mode = config::PoolMode::kSession;
  PoolWorld world(policy);
  const auto client = world.client();
  world.log_in();
  query(world, *client);
  client->server->taint(server::ServerConnection::Taint::kSession);
  const net::Socket socket = client->server->socket();
  world.host.network.sent(socket);
  world.give_back(*client);
  CHECK(world.host.network.sent(socket) == frame('Q', zeros("DISCARD ALL|")));
  CHECK(world.at(Place::kResting) == 1);
  SUBCASE("which works") {
    world.host.network.say(socket, ok_reply);
    world.step();
    CHECK(world.at(Place::kIdle) == 1);
  }
  SUBCASE("or not") {
    world.host.network.say(socket, frame('E', zeros("SERROR|C25001||")) + frame('Z', "E"));
    world.step();
    CHECK(world.pool->servers() == 0);
    CHECK(world.slots() == 0);
  }
}

TEST_CASE("session pooling resets a server in a transaction, too") {
  PoolPolicy policy = PoolWorld::default_policy();
  policy.settings.pool_mode = config::PoolMode::kSession;
  PoolWorld world(policy);
  const auto client = world.client();
  world.log_in();
  query(world, *client, "T");
  client->server->taint(server::ServerConnection::Taint::kSession);
  const net::Socket socket = client->server->socket();
  world.host.network.sent(socket);
  world.give_back(*client);
  CHECK(world.host.network.sent(socket) ==
        frame('Q', zeros("ROLLBACK|")) + frame('Q', zeros("DISCARD ALL|")));
  world.host.network.say(socket, ok_reply);
  world.step();
  CHECK(world.at(Place::kResting) == 1);
  world.host.network.say(socket, ok_reply);
  world.step();
  CHECK(world.at(Place::kIdle) == 1);
}

TEST_CASE("a server in doubt is not used again") {
  PoolWorld world;
  const auto client = world.client();
  world.log_in();
  server::ServerConnection& server = *client->server;
  server.forward(server::Request::kExecute, bytes_of(frame('E', zeros("|||||"))));
  world.host.network.say(server.socket(), frame('G', zeros("|||")));
  run(world.host.turn());
  server.forward(server::Request::kSync, bytes_of(frame('S')));  // into the COPY
  world.host.network.say(server.socket(), frame('E', zeros("SERROR|C57014||")) + frame('Z', "I"));
  run(world.host.turn());
  REQUIRE(server.pipeline().doubtful());
  world.give_back(*client);
  CHECK(world.pool->servers() == 0);
  CHECK(world.slots() == 0);
}

TEST_CASE("a discarded server makes room for another") {
  PoolPolicy policy = PoolWorld::default_policy();
  policy.settings.pool_size = 1;
  PoolWorld world(policy);
  const auto first = world.client();
  const auto second = world.client();
  world.log_in();
  world.pool->discard(*std::exchange(first->server, nullptr), server::CloseReason::kClientGone);
  world.step();
  CHECK(world.at(Place::kOpening) == 1);
  world.log_in();
  CHECK(second->server != nullptr);
}

TEST_CASE("a cancel request under way keeps its server from everybody") {
  PoolWorld world;
  const auto client = world.client();
  world.log_in();
  server::ServerConnection& server = *client->server;
  query(world, *client);
  world.pool->cancel_began(server);
  world.pool->cancel_began(server);
  world.give_back(*client);
  CHECK(world.at(Place::kResting) == 1);
  CHECK(world.pool->take(nullptr) == nullptr);
  world.pool->cancel_ended(server, false);
  CHECK(world.at(Place::kResting) == 1);
  world.pool->cancel_ended(server, false);
  CHECK(world.at(Place::kIdle) == 1);
}

TEST_CASE("a server that a cancel request may still hit serves nobody else") {
  PoolWorld world;
  const auto client = world.client();
  world.log_in();
  query(world, *client);
  SUBCASE("it waits for the request") {
    world.pool->cancel_began(*client->server);
    server::ServerConnection& server = *client->server;
    world.give_back(*client);
    world.pool->cancel_ended(server, true);
  }
  SUBCASE("its client still has it") {
    world.pool->cancel_began(*client->server);
    world.pool->cancel_ended(*client->server, true);
    CHECK(world.at(Place::kLent) == 1);
    world.give_back(*client);
  }
  CHECK(world.pool->servers() == 0);
}

TEST_CASE("a cancel request that ends during a ROLLBACK does not end the ROLLBACK") {
  PoolWorld world;
  const auto client = world.client();
  world.log_in();
  server::ServerConnection& server = *client->server;
  query(world, *client, "T");
  world.pool->cancel_began(server);
  world.give_back(*client);
  world.pool->cancel_ended(server, false);
  CHECK(world.at(Place::kResting) == 1);
  world.host.network.say(server.socket(), ok_reply);
  world.step();
  CHECK(world.at(Place::kIdle) == 1);
}

TEST_CASE("a paused pool gives nothing and closes what is idle") {
  PoolWorld world;
  const auto client = world.client();
  world.log_in();
  world.pool->pause(true);
  const auto waiting = world.client();
  world.give_back(*client);
  CHECK(waiting->server == nullptr);
  CHECK(world.pool->servers() == 0);
  world.pool->pause(false);
  world.step();
  world.log_in();
  CHECK(waiting->server != nullptr);
  world.give_back(*waiting);
  world.pool->pause(true);
  CHECK(world.pool->servers() == 0);
  CHECK(world.slots() == 0);
}

TEST_CASE("RECONNECT replaces every server once it is free") {
  PoolWorld world;
  const auto lent = world.client();
  const auto idle = world.client();
  world.log_in();
  world.give_back(*idle);
  world.pool->reconnect(server::CloseReason::kReconnect);
  CHECK(world.pool->servers() == 1);
  CHECK(world.pool->reconnecting());
  world.give_back(*lent);
  CHECK(world.pool->servers() == 0);
  CHECK_FALSE(world.pool->reconnecting());
}

TEST_CASE("an idle server goes to a worker whose clients wait") {
  SlotBook book;
  const auto shared = book.pool(PoolWorld::key());
  PoolWorld rich(PoolWorld::default_policy(), 0, shared);
  PoolWorld poor(PoolWorld::default_policy(), 1, shared);
  const auto first = rich.client();
  const auto second = rich.client();
  rich.log_in();
  const auto waiting = poor.client();
  CHECK(waiting->server == nullptr);
  CHECK(poor.host.shortages.back() == SlotRefusal::kPool);
  rich.give_back(*first);
  rich.give_back(*second);
  REQUIRE(rich.host.sent_away.size() == 1);  // one waits, one goes
  CHECK(rich.host.sent_away[0].first == 1);
  CHECK(rich.pool->servers() == 1);
  auto server = std::move(rich.host.sent_away[0].second);
  const net::Socket socket = rich.host.sockets_sent_away[0];
  poor.host.network.lines[socket];
  server->adopt(poor.host.turn(), *poor.pool, socket);
  poor.pool->adopt(std::move(server));
  poor.step();
  CHECK(waiting->server != nullptr);
  CHECK(shared->servers.held() == 2);  // the slot travels with its server
}

namespace {

net::Address address_of(const char* host) { return *net::Address::from_host(host, 5432); }

std::shared_ptr<const server::ServerTarget> target_at(std::vector<net::Address> addresses) {
  auto target = std::make_shared<server::ServerTarget>();
  target->name = "one";
  target->addresses = std::move(addresses);
  return target;
}

std::vector<net::Address> addresses_in_use(PoolWorld& world, Place place) {
  std::vector<net::Address> found;
  world.pool->servers_at(place).for_each(
      [&](server::ServerConnection& server) { found.push_back(server.address()); });
  return found;
}

// What connects now is refused.
void break_opening(PoolWorld& world) {
  std::vector<net::Socket> sockets;
  world.pool->servers_at(Place::kOpening).for_each([&](server::ServerConnection& server) {
    sockets.push_back(server.socket());
  });
  for (const net::Socket socket : sockets) world.host.network.hang_up(socket);
  world.step();
}

}  // namespace

TEST_CASE("servers are spread over the addresses of a name") {
  PoolWorld world;
  const std::vector both{address_of("10.0.0.1"), address_of("10.0.0.2")};
  world.pool->reconfigure(target_at(both), PoolWorld::default_policy());
  const auto first = world.client();
  const auto second = world.client();
  CHECK(addresses_in_use(world, Place::kOpening) == both);
}

TEST_CASE("a failed connection goes on to the next address at once, a round of failures waits") {
  PoolWorld world;
  world.pool->reconfigure(target_at({address_of("10.0.0.1"), address_of("10.0.0.2")}),
                          PoolWorld::default_policy());
  const auto client = world.client();
  REQUIRE(addresses_in_use(world, Place::kOpening) == std::vector{address_of("10.0.0.1")});
  break_opening(world);
  REQUIRE(addresses_in_use(world, Place::kOpening) == std::vector{address_of("10.0.0.2")});
  break_opening(world);
  CHECK(addresses_in_use(world, Place::kOpening).empty());
  world.pass(200 * kMillisecond);
  CHECK(addresses_in_use(world, Place::kOpening) == std::vector{address_of("10.0.0.1")});
  CHECK(client->refusal.empty());
}

TEST_CASE("what is connected to an address that is gone is replaced when it is free") {
  PoolWorld world;
  world.pool->reconfigure(target_at({address_of("10.0.0.1"), address_of("10.0.0.2")}),
                          PoolWorld::default_policy());
  const auto first = world.client();
  const auto second = world.client();
  world.log_in();
  REQUIRE(first->server != nullptr);
  REQUIRE(second->server != nullptr);
  const auto other = [&](const FakeClient& client) { return client.server->address(); };
  FakeClient& stays = other(*first) == address_of("10.0.0.2") ? *first : *second;
  FakeClient& moves = &stays == first.get() ? *second : *first;
  world.pool->reconfigure(target_at({address_of("10.0.0.2"), address_of("10.0.0.3")}),
                          PoolWorld::default_policy());
  CHECK(moves.server->close_when_released);
  CHECK_FALSE(stays.server->close_when_released);
  world.give_back(moves);
  world.give_back(stays);
  CHECK(addresses_in_use(world, Place::kIdle) == std::vector{address_of("10.0.0.2")});
}

TEST_CASE("what is cut off is where the server is now, not where it was") {
  PoolWorld world;
  world.pool->reconfigure(target_at({address_of("10.0.0.1")}), PoolWorld::default_policy());
  const auto before = world.client();
  world.log_in();
  world.pool->reconfigure(target_at({address_of("10.0.0.2")}), PoolWorld::default_policy());
  const auto after = world.client();
  world.log_in();
  REQUIRE(after->server != nullptr);
  world.pool->cut_off(server::CloseReason::kSilent);
  CHECK(after->server == nullptr);
  REQUIRE(before->server != nullptr);
  world.give_back(*before);
  CHECK(world.pool->servers() == 0);
}

TEST_CASE("at another place a server is tried at once, whatever failed before") {
  PoolWorld world;
  world.pool->reconfigure(target_at({address_of("10.0.0.1")}), PoolWorld::default_policy());
  const auto client = world.client();
  break_opening(world);
  REQUIRE(addresses_in_use(world, Place::kOpening).empty());
  world.pool->reconfigure(target_at({address_of("10.0.0.2")}), PoolWorld::default_policy());
  world.step();
  CHECK(addresses_in_use(world, Place::kOpening) == std::vector{address_of("10.0.0.2")});
}
