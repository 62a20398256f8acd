#include "pgsaba/routing/read_balance.h"

#include <doctest/doctest.h>

#include <map>
#include <string>

using namespace pgsaba::routing;
using pgsaba::kSecond;
using pgsaba::Micros;

namespace {

constexpr Micros kMaxLag = 10 * kSecond;
constexpr Micros kWarm = 1'000 * kSecond;

TopologyServer standby(Micros lag = 0, std::uint32_t timeline = 1) {
  TopologyServer server;
  server.role = ServerRole::kStandby;
  server.reachable = server.streaming = true;
  server.timeline = timeline;
  server.replay_lag_time = lag;
  return server;
}

// A primary at place 0, and these.
TopologyCluster cluster_of(std::vector<TopologyServer> standbys) {
  TopologyCluster cluster;
  TopologyServer primary;
  primary.role = ServerRole::kPrimary;
  primary.reachable = true;
  primary.timeline = 1;
  cluster.servers.push_back(primary);
  for (TopologyServer& server : standbys) cluster.servers.push_back(server);
  cluster.primary = 0;
  return cluster;
}

// Warm from the beginning.
ReadBalance balance_of(const TopologyCluster& cluster, const std::vector<std::int32_t>& weights) {
  ReadBalance balance;
  balance.update(cluster, weights, kMaxLag, 0);
  balance.update(cluster, weights, kMaxLag, kWarm);
  return balance;
}

}  // namespace

TEST_CASE("who is fit") {
  struct Row {
    const char* what;
    TopologyServer server;
    bool fit;
  };
  TopologyServer gone = standby();
  gone.reachable = false;
  TopologyServer cut_off = standby();
  cut_off.streaming = false;
  TopologyServer stranger = standby();
  stranger.role = ServerRole::kUnknown;
  TopologyServer unmeasured = standby();
  unmeasured.replay_lag_time.reset();
  const Row rows[] = {
      {"all is well", standby(), true},
      {"unreachable", gone, false},
      {"does not stream", cut_off, false},
      {"no standby of this cluster", stranger, false},
      {"lag unknown", unmeasured, false},
      {"another timeline", standby(0, 2), false},
      {"timeline unknown", standby(0, 0), false},
      {"lag at half of the limit", standby(kMaxLag / 2), true},
      {"lag above half of the limit, at first sight", standby(kMaxLag / 2 + 1), false},
  };
  for (const Row& row : rows) {
    CAPTURE(row.what);
    ReadBalance balance = balance_of(cluster_of({row.server}), {1, 1});
    CHECK(balance.fit(1) == row.fit);
    CHECK(balance.any_fit() == row.fit);
    CHECK(balance.pick(nullptr, {}).has_value() == row.fit);
    CHECK_FALSE(balance.fit(0));  // the primary
  }
}

TEST_CASE("nobody is fit without a primary") {
  TopologyCluster cluster = cluster_of({standby()});
  cluster.primary.reset();
  CHECK_FALSE(balance_of(cluster, {1, 1}).any_fit());
}

TEST_CASE("a standby that fell behind is out until its lag is half of the limit") {
  ReadBalance balance;
  const auto see = [&](Micros lag) {
    balance.update(cluster_of({standby(lag)}), {1, 1}, kMaxLag, 0);
    return balance.fit(1);
  };
  CHECK(see(0));
  CHECK(see(kMaxLag));
  CHECK_FALSE(see(kMaxLag + 1));
  CHECK_FALSE(see(kMaxLag / 2 + 1));
  CHECK(see(kMaxLag / 2));
  CHECK(see(kMaxLag));
}

TEST_CASE("servers that a reload has removed get no reads") {
  ReadBalance balance = balance_of(cluster_of({standby(), standby()}), {1, 1, 1});
  CHECK(balance.fit(2));
  balance.update(cluster_of({standby()}), {1, 1}, kMaxLag, kWarm);
  CHECK_FALSE(balance.fit(2));
}

TEST_CASE("freshness") {
  ReadBalance balance = balance_of(cluster_of({standby(), standby()}), {1, 1, 1});
  CausalClock clock;
  ReadNeeds needs;
  needs.written = 5;
  CHECK_FALSE(balance.pick(&clock, needs));
  clock.became_fresh(2, clock.life(2), 5);
  CHECK_FALSE(balance.pick(&clock, needs));  // that look may have been taken before the end
  clock.became_fresh(2, clock.life(2), 6);
  CHECK(balance.pick(&clock, needs) == 2);
  CHECK(balance.pick(&clock, needs) == 2);  // not in turns: the other one is not fresh
  // What the session saw elsewhere must be there, too.
  needs.seen = 8;
  needs.seen_at = 1;
  CHECK_FALSE(balance.pick(&clock, needs));
  clock.became_fresh(2, clock.life(2), 9);
  CHECK(balance.pick(&clock, needs) == 2);
  // Where it saw it, it is as long as the server lives.
  needs.seen = 20;
  needs.seen_at = 2;
  needs.seen_life = clock.life(2);
  CHECK(balance.pick(&clock, needs) == 2);
  clock.forget(2);
  clock.became_fresh(2, clock.life(2), 9);
  CHECK_FALSE(balance.pick(&clock, needs));
  clock.became_fresh(2, clock.life(2), 21);
  CHECK(balance.pick(&clock, needs) == 2);
}

TEST_CASE("equals take turns, weight and load decide among others") {
  const TopologyCluster cluster = cluster_of({standby(), standby()});
  const auto shares = [&](ReadBalance& balance, int reads, bool stay) {
    std::map<std::size_t, int> count;
    for (int i = 0; i < reads; ++i) {
      const auto server = balance.pick(nullptr, {});
      REQUIRE(server);
      ++count[*server];
      balance.began(*server);
      if (!stay) balance.ended(*server, 100);
    }
    return count;
  };
  ReadBalance equals = balance_of(cluster, {1, 1, 1});
  const auto turns = shares(equals, 100, false);
  CHECK(turns.at(1) == 50);
  CHECK(turns.at(2) == 50);
  ReadBalance weighted = balance_of(cluster, {1, 3, 1});
  const auto heavy = shares(weighted, 100, true);
  CHECK(heavy.at(1) > 70);
  CHECK(heavy.at(1) < 80);
  ReadBalance without = balance_of(cluster, {1, 0, 1});
  CHECK(shares(without, 10, true).count(1) == 0);
}

TEST_CASE("a standby without weight is none to wait for") {
  ReadBalance balance = balance_of(cluster_of({standby()}), {1, 0});
  CHECK_FALSE(balance.any_fit());
}

TEST_CASE("the slower one gets less") {
  ReadBalance balance = balance_of(cluster_of({standby(), standby()}), {1, 1, 1});
  for (int i = 0; i < 50; ++i) {
    balance.began(1);
    balance.ended(1, 900);
    balance.began(2);
    balance.ended(2, 100);
  }
  std::map<std::size_t, int> count;
  for (int i = 0; i < 100; ++i) {
    const auto server = balance.pick(nullptr, {});
    ++count[*server];
    balance.began(*server);
  }
  CHECK(count.at(1) > 5);
  CHECK(count.at(1) < 15);
}

TEST_CASE("who comes back begins with little") {
  const TopologyCluster both = cluster_of({standby(), standby()});
  TopologyServer gone = standby();
  gone.reachable = false;
  ReadBalance balance = balance_of(cluster_of({standby(), gone}), {1, 1, 1});
  balance.update(both, {1, 1, 1}, kMaxLag, kWarm);
  const auto second_share = [&](Micros now) {
    balance.update(both, {1, 1, 1}, kMaxLag, now);
    int count = 0;
    std::vector<std::size_t> begun;
    for (int i = 0; i < 110; ++i) {
      begun.push_back(*balance.pick(nullptr, {}));
      balance.began(begun.back());
      count += begun.back() == 2 ? 1 : 0;
    }
    for (const std::size_t server : begun) balance.ended(server, 100);
    return count;
  };
  CHECK(second_share(kWarm) > 5);
  CHECK(second_share(kWarm) < 15);
  CHECK(second_share(kWarm + ReadBalance::kWarmUpUs / 2) > 30);
  CHECK(second_share(kWarm + ReadBalance::kWarmUpUs) > 50);
}

TEST_CASE("who gets no reads is tried again in the end") {
  const TopologyCluster cluster = cluster_of({standby(), standby()});
  ReadBalance balance = balance_of(cluster, {1, 1, 1});
  balance.began(1);
  balance.ended(1, 5'000);
  balance.began(2);
  balance.ended(2, 100);
  CHECK(balance.pick(nullptr, {}) == 2);
  CHECK(balance.pick(nullptr, {}) == 2);
  for (int tenth = 1; tenth < 100; ++tenth) {
    balance.began(2);
    balance.ended(2, 100);
    balance.update(cluster, {1, 1, 1}, kMaxLag, kWarm + tenth * kSecond / 10);
  }
  CHECK(balance.pick(nullptr, {}) == 1);
}
