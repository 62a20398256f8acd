#include "pgsaba/routing/server_news.h"

#include <doctest/doctest.h>

#include <optional>
#include <string>

using namespace pgsaba::routing;

namespace {

// One letter per server: `a` answers, `s` is silent, `x` has failed otherwise.
TopologyCluster cluster(const std::string& servers, std::optional<std::size_t> primary) {
  TopologyCluster made;
  made.primary = primary;
  for (const char state : servers) {
    TopologyServer& server = made.servers.emplace_back();
    server.name = std::to_string(made.servers.size());
    server.reachable = state == 'a';
    server.silent = state == 's';
    const bool is_primary = primary == made.servers.size() - 1;
    server.role = !primary     ? ServerRole::kUnknown
                  : is_primary ? ServerRole::kPrimary
                               : ServerRole::kStandby;
  }
  return made;
}

// One letter per server.
std::string news(const TopologyCluster& before, const TopologyCluster& now) {
  std::string all;
  for (const ServerNews one : news_of_servers(before, now)) {
    switch (one) {
      case ServerNews::kNone:
        all += '-';
        break;
      case ServerNews::kDeposed:
        all += 'd';
        break;
      case ServerNews::kSilent:
        all += 's';
        break;
      case ServerNews::kPromoted:
        all += 'e';
        break;
      case ServerNews::kBack:
        all += 'b';
        break;
    }
  }
  return all;
}

}  // namespace

TEST_CASE("at the start nothing is known, and nothing has changed") {
  CHECK(news(cluster("xxx", std::nullopt), cluster("aaa", 0)) == "bbb");
}

TEST_CASE("nothing new") {
  CHECK(news(cluster("aaa", 0), cluster("aaa", 0)) == "---");
  CHECK(news(cluster("sxa", 2), cluster("sxa", 2)) == "---");
}

TEST_CASE("another primary") {
  CHECK(news(cluster("aaa", 0), cluster("aaa", 1)) == "de-");
  CHECK(news(cluster("xaa", 0), cluster("xaa", 1)) == "de-");
  CHECK(news(cluster("saa", 0), cluster("saa", 1)) == "de-");
}

TEST_CASE("the primary is in dispute, or all are standbys, and then it is settled") {
  CHECK(news(cluster("aaa", 0), cluster("aaa", std::nullopt)) == "d--");
  CHECK(news(cluster("aaa", std::nullopt), cluster("aaa", 0)) == "---");
  TopologyCluster standbys = cluster("aaa", std::nullopt);
  for (TopologyServer& server : standbys.servers) server.role = ServerRole::kStandby;
  CHECK(news(standbys, cluster("aaa", 0)) == "e--");
}

TEST_CASE("a primary that does not answer keeps its connections") {
  CHECK(news(cluster("aaa", 0), cluster("saa", 0)) == "---");
  CHECK(news(cluster("aaa", 0), cluster("xaa", 0)) == "---");
  CHECK(news(cluster("saa", 0), cluster("aaa", 0)) == "b--");
}

TEST_CASE("a standby falls silent, and comes back") {
  CHECK(news(cluster("aaa", 0), cluster("aas", 0)) == "--s");
  CHECK(news(cluster("aax", 0), cluster("aas", 0)) == "--s");
  CHECK(news(cluster("aas", 0), cluster("aaa", 0)) == "--b");
}

TEST_CASE("what breaks tells so itself") {
  CHECK(news(cluster("aaa", 0), cluster("aax", 0)) == "---");
  CHECK(news(cluster("aax", 0), cluster("aaa", 0)) == "--b");
}

TEST_CASE("a server that was not there, or is another one now, has no news") {
  CHECK(news(cluster("a", 0), cluster("as", 0)) == "--");
  TopologyCluster replaced = cluster("aa", 1);
  replaced.servers[0].number = 7;
  CHECK(news(cluster("aa", 0), replaced) == "-e");
}
