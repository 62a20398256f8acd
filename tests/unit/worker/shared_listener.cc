// One connection on which many clients listen: what it sends, whom it answers, and what becomes of
// both when PostgreSQL refuses, stalls or goes away.
#include "worker/shared_listener.h"

#include <doctest/doctest.h>

#include <tuple>

#include "unit/server/fake_network.h"
#include "unit/wire/frames.h"

using namespace pgsaba;
using namespace pgsaba::worker;
using namespace pgsaba::testing;

namespace {

using Answer = std::tuple<std::uint32_t, std::uint32_t, bool>;  // client, ticket, in force
using Answers = std::vector<Answer>;
using Clients = std::vector<std::uint32_t>;

constexpr Micros kLimit = 5 * kSecond;

std::string query(std::string_view sql) { return frame('Q', std::string(sql) + '\0'); }
std::string notification(std::string_view channel, std::string_view payload) {
  return frame('A', be32(99) + std::string(channel) + '\0' + std::string(payload) + '\0');
}

const std::string ready = frame('Z', "I");
const std::string nothing_done = frame('I') + ready;
const std::string listened = frame('C', zeros("LISTEN|")) + ready;
const std::string refused = frame('E', zeros("SERROR|C42501|Mno||")) + ready;

class World : public ListenHost {
 public:
  World() { turn.now = 1'000 * kSecond; }

  FakeNetwork network;
  net::Turn turn{network};
  auth::ScramKeyDesk keys;
  bool unreachable = false;
  int opened = 0;
  net::Socket socket = net::kNoSocket;  // of the connection made last
  Answers answers;
  std::vector<std::pair<Clients, std::string>> heard;
  Clients warned;
  SharedListener listener{*this};

  void answer_listener(std::uint32_t client, std::uint32_t ticket, bool in_force) override {
    answers.emplace_back(client, ticket, in_force);
  }
  void notify(const Clients& clients, Bytes frame) override {
    heard.emplace_back(clients, text_of(frame));
  }
  void warn_listener(std::uint32_t client) override { warned.push_back(client); }
  std::unique_ptr<server::ServerConnection> open_listener(server::ServerOwner& owner) override {
    if (unreachable) return nullptr;
    auto server = std::make_unique<server::ServerConnection>(
        turn, owner, std::make_shared<const server::ServerTarget>(), keys, ++opened);
    REQUIRE(server->open_connection({}, {}).ok());
    socket = server->socket();
    return server;
  }
  void bury_listener(std::unique_ptr<server::ServerConnection> server) override {
    server->close();
    turn.dead.push_back(std::move(server));
  }
  Micros now() override { return turn.now; }

  void order(std::uint32_t client, std::uint32_t ticket, std::vector<std::string> channels) {
    listener.order(client, ticket, std::move(channels));
    run(turn);
  }
  void say(std::string_view bytes) {
    network.say(socket, bytes);
    run(turn);
  }
  std::string sent() {
    run(turn);
    return network.sent(socket);
  }
  // What it says once it is logged in.
  std::string log_in() {
    network.connected(socket);
    sent();
    say(frame('R', be32(0)) + frame('K', be32(1) + "key!") + ready);
    return sent();
  }
  void lose() {
    network.hang_up(socket);
    run(turn);
  }
  void pass(Micros time) {
    turn.now += time;
    listener.tick(kLimit);
    run(turn);
  }
  Answers answered() { return std::exchange(answers, {}); }
};

// Client 1 listens to a and b.
struct Listening final : World {
  Listening() {
    order(1, 7, {"b", "a"});
    log_in();
    say(frame('C', zeros("LISTEN|")) + listened + nothing_done);
    REQUIRE(answered() == Answers{{1, 7, true}});
  }
};

}  // namespace

TEST_CASE("the first order makes the connection, and is answered once it listens") {
  World world;
  CHECK(world.listener.unused());
  world.order(1, 7, {"b", "a"});
  CHECK(world.opened == 1);
  CHECK_FALSE(world.listener.unused());
  // All that is wanted goes first; the order itself asks for no more, and stands behind it.
  CHECK(world.log_in() == query(R"(LISTEN "a";LISTEN "b";)") + query(""));
  world.say(frame('C', zeros("LISTEN|")) + listened);
  CHECK(world.answers.empty());
  world.say(nothing_done);
  CHECK(world.answered() == Answers{{1, 7, true}});
  CHECK(world.warned.empty());
}

TEST_CASE("only what nobody listened to is sent, and answers come in their order") {
  Listening world;
  world.order(2, 1, {"a", "c\"d"});
  CHECK(world.sent() == query(R"(LISTEN "c""d";)"));
  world.order(1, 8, {"a"});
  CHECK(world.sent() == query(R"(UNLISTEN "b";)"));
  world.listener.order(3, 5, std::nullopt);  // wants to know that what came before is through
  CHECK(world.sent() == query(""));
  CHECK(world.answers.empty());
  world.say(listened);
  CHECK(world.answered() == Answers{{2, 1, true}});
  world.say(frame('C', zeros("UNLISTEN|")) + ready + nothing_done);
  CHECK(world.answered() == Answers{{1, 8, true}, {3, 5, true}});
  // Client 2 still listens to a.
  world.order(1, 9, {});
  CHECK(world.sent() == query(""));
  world.order(2, 2, {});
  CHECK(world.sent() == query(R"(UNLISTEN "a";UNLISTEN "c""d";)"));
  CHECK(world.opened == 1);
}

TEST_CASE("those hear that listen to the channel, also if the message comes in two parts") {
  Listening world;
  world.order(2, 1, {"a"});
  world.say(nothing_done);
  const std::string both = notification("a", "first");
  for (std::size_t cut = 1; cut < both.size(); ++cut) {
    CAPTURE(cut);
    world.heard.clear();
    world.say(std::string_view(both).substr(0, cut));
    CHECK(world.heard.empty());
    const std::string one = notification("b", "second");
    world.say(both.substr(cut) + one + notification("nobody's", "third"));
    REQUIRE(world.heard.size() == 2);
    CHECK(world.heard[0] == std::pair(Clients{1, 2}, both));
    CHECK(world.heard[1] == std::pair(Clients{1}, one));
  }
}

TEST_CASE("a notification between the parts of an answer is heard") {
  Listening world;
  world.order(2, 1, {"c"});
  const std::string told = notification("a", "now");
  world.say(frame('C', zeros("LISTEN|")) + told + ready);
  CHECK(world.answers.size() == 1);
  REQUIRE(world.heard.size() == 1);
  CHECK(world.heard[0].second == told);
}

TEST_CASE("a LISTEN that is refused changes nothing, and what was in force is restored") {
  Listening world;
  world.order(2, 1, {"c"});
  world.order(1, 8, {"a"});
  world.say(refused);
  CHECK(world.answered() == Answers{{2, 1, false}});
  CHECK(world.opened == 2);
  CHECK(world.log_in() == query(R"(LISTEN "a";)") + query(""));
  world.say(listened);
  CHECK(world.warned == Clients{1});
  CHECK(world.answers.empty());
  world.say(nothing_done);
  CHECK(world.answered() == Answers{{1, 8, true}});
}

TEST_CASE("a lost connection is made again, listens again, and the gap is told once") {
  Listening world;
  world.order(2, 1, {"b"});
  world.say(nothing_done);
  world.answered();
  world.say(notification("a", "cut").substr(0, 6));
  world.order(3, 1, {"c"});
  world.unreachable = true;
  world.lose();
  CHECK(world.answered() == Answers{{3, 1, false}});
  CHECK(world.listener.server() == nullptr);
  // Until it may be tried again, whoever adds something is refused at once.
  world.order(3, 2, {"c"});
  CHECK(world.answered() == Answers{{3, 2, false}});
  world.order(1, 8, {"a"});  // and whoever gives up is answered
  CHECK(world.answered() == Answers{{1, 8, true}});
  world.unreachable = false;
  world.pass(100 * kMillisecond);
  CHECK(world.warned.empty());
  CHECK(world.log_in() == query(R"(LISTEN "a";LISTEN "b";)"));
  CHECK(world.warned.empty());
  world.say(frame('C', zeros("LISTEN|")) + listened);
  std::ranges::sort(world.warned);
  CHECK(world.warned == Clients{1, 2});
  // The half message went with the connection.
  world.say(notification("a", "whole"));
  REQUIRE(world.heard.size() == 1);
  CHECK(world.heard[0] == std::pair(Clients{1}, notification("a", "whole")));
}

TEST_CASE("whoever waits while the connection is lost is answered by the next one") {
  Listening world;
  world.order(2, 1, {"c"});
  world.listener.order(3, 5, std::nullopt);
  world.lose();
  CHECK(world.answers.empty());
  CHECK(world.opened == 2);
  world.order(4, 1, {"a"});
  CHECK(world.log_in() ==
        query(R"(LISTEN "a";LISTEN "b";LISTEN "c";)") + query("") + query("") + query(""));
  world.say(listened);
  CHECK(world.answers.empty());
  world.say(nothing_done + nothing_done + nothing_done);
  CHECK(world.answered() == Answers{{2, 1, true}, {3, 5, true}, {4, 1, true}});
}

TEST_CASE("while it is paused there is no connection, and none is tried") {
  Listening world;
  world.order(2, 1, {"b"});
  world.listener.pause(true);
  CHECK(world.answered() == Answers{{2, 1, false}});
  CHECK(world.listener.server() == nullptr);
  world.pass(60 * kSecond);
  world.order(3, 1, {"c"});
  world.order(2, 2, {});
  CHECK(world.answered() == Answers{{3, 1, false}, {2, 2, true}});
  CHECK(world.opened == 1);
  world.listener.pause(false);
  CHECK(world.opened == 2);
  CHECK(world.log_in() == query(R"(LISTEN "a";LISTEN "b";)"));
  world.say(listened);
  CHECK(world.warned == Clients{1});
}

TEST_CASE("where nobody asks, it is had as soon as it can be") {
  World world;
  world.unreachable = true;
  world.order(1, 7, {"a"});
  CHECK(world.answered() == Answers{{1, 7, false}});
  CHECK(world.listener.unused());
  world.turn.now += kSecond;
  world.order(2, 0, {"b"});
  world.answered();
  CHECK_FALSE(world.listener.unused());
  world.unreachable = false;
  world.pass(kSecond);
  CHECK(world.opened == 1);
  CHECK(world.log_in() == query(R"(LISTEN "b";)"));
  world.say(listened);
  CHECK(world.warned.empty());  // it never listened before: nothing can have been missed
}

TEST_CASE("attempts become rarer while all fail, and frequent again after a success") {
  Listening world;
  std::vector<Micros> pauses;
  for (int i = 0; i < 8; ++i) {
    const int before = world.opened;
    world.lose();
    Micros pause = 0;
    for (; world.opened == before; pause += 100 * kMillisecond) world.pass(100 * kMillisecond);
    pauses.push_back(pause / (100 * kMillisecond));
  }
  CHECK(pauses == std::vector<Micros>{0, 1, 2, 4, 8, 16, 32, 50});
  world.log_in();
  world.say(frame('C', zeros("LISTEN|")) + listened);
  world.lose();
  CHECK(world.opened == 10);
}

TEST_CASE("a connection that does not answer, or does not log in, is given up") {
  Listening world;
  world.order(2, 1, {"c"});
  world.pass(kLimit - 1);
  CHECK(world.answers.empty());
  world.pass(1);
  CHECK(world.answered() == Answers{{2, 1, false}});
  world.pass(100 * kMillisecond);
  CHECK(world.opened == 2);
  world.order(2, 2, {"c"});  // waits for the login
  world.pass(kLimit - 1);
  CHECK(world.answers.empty());
  world.pass(1);
  CHECK(world.answered() == Answers{{2, 2, false}});
  // One that merely has nothing to say is not.
  world.pass(kSecond);
  CHECK(world.opened == 3);
  world.log_in();
  world.say(frame('C', zeros("LISTEN|")) + listened);
  world.pass(10 * kLimit);
  CHECK(world.opened == 3);
  CHECK(world.listener.server() != nullptr);
}

TEST_CASE("it goes to another server when it is told to") {
  Listening world;
  world.order(2, 1, {"c"});
  world.listener.reconnect();
  CHECK(world.opened == 2);
  CHECK(world.log_in() == query(R"(LISTEN "a";LISTEN "b";LISTEN "c";)") + query(""));
  world.say(listened + nothing_done);
  CHECK(world.answered() == Answers{{2, 1, true}});
  std::ranges::sort(world.warned);
  CHECK(world.warned == Clients{1, 2});
}

TEST_CASE("nobody listens any more: it says goodbye, after the last answer") {
  Listening world;
  world.order(1, 8, {});
  world.pass(1);
  CHECK(world.listener.server() != nullptr);
  world.say(frame('C', zeros("UNLISTEN|")) + frame('C', zeros("UNLISTEN|")) + ready);
  CHECK(world.answered() == Answers{{1, 8, true}});
  world.pass(1);
  CHECK(world.listener.server() == nullptr);
  CHECK(world.listener.unused());
  world.pass(kSecond);
  CHECK(world.opened == 1);
}

TEST_CASE("it fits while its route leads to the same server, database, user and address") {
  Listening world;
  const server::ServerConnection& server = *world.listener.server();
  const pool::PoolKey key = {"database", "user", 0};
  server::ServerTarget target = server.target();
  target.addresses = {server.address()};
  CHECK(still_fits(server, key, key, target));
  CHECK_FALSE(still_fits(server, key, {"database", "user", 1}, target));  // another primary
  server::ServerTarget other = target;
  other.user = "somebody";
  CHECK_FALSE(still_fits(server, key, key, other));
  other = target;
  other.database = "elsewhere";
  CHECK_FALSE(still_fits(server, key, key, other));
  other = target;
  other.addresses = {*net::Address::from_host("192.0.2.1", 5432)};
  CHECK_FALSE(still_fits(server, key, key, other));
  other.addresses.push_back(server.address());
  CHECK(still_fits(server, key, key, other));
}
