#include <doctest/doctest.h>
#include <pgsaba/auth/scram_key_desk.h>

#include <memory>
#include <string>
#include <vector>

using namespace pgsaba::auth;

namespace {

ScramKeyRequest request(std::string_view password, KeepKeys keep = KeepKeys::kForServers) {
  return {SecretBytes(password), SecretBytes("salt"), 2, keep};
}

struct Login final : ScramKeyWaiter {
  std::vector<ScramKeys> got;
  std::unique_ptr<Login> other;  // goes when the keys come

 protected:
  void keys_derived(const ScramKeys& keys) override {
    got.push_back(keys);
    other.reset();
  }
};

// A desk and the thread it orders from.
struct World {
  std::vector<std::pair<ScramKeyDesk::Order, ScramKeyRequest>> orders;
  ScramKeyDesk desk{[this](ScramKeyDesk::Order order, const ScramKeyRequest& wanted) {
    orders.emplace_back(order, wanted);
  }};

  void answer_first() {
    const auto [order, wanted] = orders.front();
    orders.erase(orders.begin());
    desk.deliver(order, derive_keys(wanted));
  }
};

}  // namespace

TEST_CASE("key desk: without a thread to order from it derives by itself") {
  ScramKeyDesk desk;
  Login login;
  CHECK(desk.ask(request("secret"), login) == derive_keys(request("secret")));
  CHECK_FALSE(login.waits_for_keys());
  CHECK(desk.cache().find(request("secret")) != nullptr);
}

TEST_CASE("key desk: equal wishes wait for one derivation, and later ones for none") {
  World world;
  Login first;
  Login second;
  CHECK_FALSE(world.desk.ask(request("secret"), first));
  CHECK_FALSE(world.desk.ask(request("secret"), second));
  CHECK(first.waits_for_keys());
  REQUIRE(world.orders.size() == 1);
  world.answer_first();
  CHECK(first.got == std::vector{derive_keys(request("secret"))});
  CHECK(second.got == first.got);
  CHECK_FALSE(first.waits_for_keys());
  CHECK(world.desk.ask(request("secret"), first));
  CHECK(world.orders.empty());
}

TEST_CASE("key desk: a guess is not kept") {
  World world;
  Login login;
  CHECK_FALSE(world.desk.ask(request("guess", KeepKeys::kNever), login));
  world.answer_first();
  CHECK(login.got.size() == 1);
  CHECK_FALSE(world.desk.ask(request("guess", KeepKeys::kNever), login));
}

TEST_CASE("key desk: few orders at a time, and what will be of use again before guesses") {
  World world;
  std::vector<std::unique_ptr<Login>> guessers;
  for (int i = 0; i < 100; ++i) {
    guessers.push_back(std::make_unique<Login>());
    CHECK_FALSE(
        world.desk.ask(request("guess " + std::to_string(i), KeepKeys::kNever), *guessers.back()));
  }
  const std::size_t at_once = world.orders.size();
  CHECK(at_once < 10);
  CHECK(world.desk.under_way() == at_once);
  CHECK(world.desk.waiting() == 100 - at_once);
  Login server;
  CHECK_FALSE(world.desk.ask(request("secret"), server));
  world.answer_first();
  REQUIRE(world.orders.size() == at_once);
  CHECK(world.orders.back().second.password == SecretBytes("secret"));
  int answers = 1;
  for (; !world.orders.empty(); ++answers) world.answer_first();
  CHECK(answers == 101);
  CHECK(server.got.size() == 1);
  for (const auto& guesser : guessers) CHECK(guesser->got.size() == 1);
}

TEST_CASE("key desk: what nobody wants any more is not ordered") {
  World world;
  std::vector<std::unique_ptr<Login>> guessers;
  for (int i = 0; i < 100; ++i) {
    guessers.push_back(std::make_unique<Login>());
    CHECK_FALSE(
        world.desk.ask(request("guess " + std::to_string(i), KeepKeys::kNever), *guessers.back()));
  }
  guessers.clear();
  CHECK(world.desk.waiting() == 0);
  while (!world.orders.empty()) world.answer_first();
  CHECK(world.desk.under_way() == 0);
  Login late;  // finds what is under way for one that has left
  {
    Login early;
    CHECK_FALSE(world.desk.ask(request("secret"), early));
  }
  CHECK_FALSE(world.desk.ask(request("secret"), late));
  CHECK(world.orders.size() == 1);
  world.answer_first();
  CHECK(late.got.size() == 1);
}

TEST_CASE("key desk: one login's end may end another that waits for the same keys") {
  World world;
  Login first;
  first.other = std::make_unique<Login>();
  CHECK_FALSE(world.desk.ask(request("secret"), first));
  CHECK_FALSE(world.desk.ask(request("secret"), *first.other));
  world.answer_first();
  CHECK(first.got.size() == 1);
  CHECK(world.desk.under_way() == 0);
}
