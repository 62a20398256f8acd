#include "pgsaba/config/compare.h"

#include <doctest/doctest.h>

#include "fake_world.h"

using namespace pgsaba;
using namespace pgsaba::config;

namespace {

Config config_of(const std::string& text) {
  const Loaded loaded = load_text("auth: {type: trust}\n" + text);
  REQUIRE_MESSAGE(loaded.config, texts_of(loaded));
  return *loaded.config;
}

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("equal configurations do not differ") {
  const Config config = config_of("databases: {a: {host: h}}\nusers: {u: {pool_size: 1}}\n");
  CHECK(compare(config, config).empty());
}

TEST_CASE("databases, clusters and users") {
  const Config old = config_of(
      "clusters: {c: {servers: [{host: x}]}, d: {servers: [{host: y}]}}\n"
      "databases:\n"
      "  gone: {cluster: c}\n"
      "  limits: {cluster: c, pool_size: 1}\n"
      "  target: {cluster: c}\n"
      "  secret: {cluster: c, user: u, password: a}\n"
      "  same: {cluster: c}\n"
      "users: {gone: {pool_size: 1}, changed: {pool_size: 1}, same: {pool_size: 1}}\n");
  const Config next = config_of(
      "clusters: {c: {servers: [{host: z}]}, e: {servers: [{host: y}]}}\n"
      "databases:\n"
      "  limits: {cluster: c, pool_size: 2}\n"
      "  target: {cluster: e}\n"
      "  secret: {cluster: c, user: u, password: b}\n"
      "  same: {cluster: c}\n"
      "  fresh: {cluster: c}\n"
      "users: {changed: {pool_size: 2}, same: {pool_size: 1}, fresh: {}}\n");
  const Difference difference = compare(old, next);
  CHECK_FALSE(difference.empty());
  CHECK(difference.databases_removed == Names{"gone"});
  CHECK(difference.databases_added == Names{"fresh"});
  REQUIRE(difference.databases_changed.size() == 3);
  CHECK(difference.databases_changed[0].name == "limits");
  CHECK_FALSE(difference.databases_changed[0].reconnect);
  CHECK(difference.databases_changed[1].name == "secret");
  CHECK(difference.databases_changed[1].reconnect);
  CHECK(difference.databases_changed[2].name == "target");
  CHECK(difference.databases_changed[2].reconnect);
  CHECK(difference.clusters_added == Names{"e"});
  CHECK(difference.clusters_removed == Names{"d"});
  CHECK(difference.clusters_changed == Names{"c"});
  CHECK(difference.users_changed == Names{"changed", "fresh", "gone"});
}

TEST_CASE("a reload keeps what only a restart can change") {
  const Config old = config_of("workers: 2\nlisten: [{address: 127.0.0.1}]\n");
  const Config next =
      config_of("workers: 4\nlisten: [{address: 127.0.0.1, port: 7000}]\npool: {pool_size: 7}\n");
  const Difference difference = compare(old, next);
  REQUIRE(difference.settings.size() == 1);
  CHECK(difference.settings[0].key == "pool.pool_size");
  CHECK(difference.settings[0].old_value == "20");
  CHECK(difference.settings[0].new_value == "7");
  REQUIRE(difference.start_only.size() == 2);
  CHECK(difference.start_only[0].key == "workers");
  CHECK(difference.start_only[1].key == "listen");
  CHECK(difference.start_only[1].new_value == "127.0.0.1:7000");

  const auto kept = keep_start_only(old, next);
  CHECK(kept->workers == 2);
  CHECK(kept->listen == old.listen);
  CHECK(kept->pool.pool_size == 7);
  CHECK(compare(old, *kept).start_only.empty());
}
