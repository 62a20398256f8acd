#include "pgsaba/config/load.h"

#include <doctest/doctest.h>

#include "fake_world.h"

using namespace pgsaba;
using namespace pgsaba::config;

TEST_CASE("the design's example loads as meant") {
  FakeWorld world;
  world.files["/etc/pgsaba/pgsaba.yaml"] = R"(
listen:
  - {address: 127.0.0.1, port: 6432}
  - {unix: /run/pgsaba, mode: 0770, group: www-data}
workers: auto
clusters:
  rdb:
    servers:
      - {name: rdb-01, host: 10.0.0.11, port: 5433}
      - {name: rdb-02, host: 10.0.0.12, weight: 3}
    monitor: {user: pgsaba, database: postgres, interval: 500ms}
databases:
  mastodon:         {cluster: rdb, route: split, pool_size: 20}
  mastodon_primary: {cluster: rdb, dbname: mastodon, route: primary}
users:
  sidekiq: {pool_size: 10, max_user_client_connections: 2000, idle_transaction: 90s}
auth:
  type: md5
  file: userlist.txt
admin: {users: [saba], stats_users: zabbix}
http: {address: 127.0.0.1, port: 9127}
routing: {read_your_writes: session, causal_wait: 20ms, max_lag: 1.5s}
timeouts: {query_wait: 5, failover_wait: 1min}
limits: {max_message_size: 64MB, max_client_connections: 5000}
)";
  const Loaded loaded = load_with_problems("/etc/pgsaba/pgsaba.yaml", world.environment());
  CHECK(texts_of(loaded) == "");
  REQUIRE(loaded.config);
  const Config& config = *loaded.config;
  REQUIRE(config.listen.size() == 2);
  CHECK(config.listen[0].address == "127.0.0.1");
  CHECK_FALSE(config.listen[0].is_unix());
  CHECK(config.listen[1].unix_directory == "/run/pgsaba");
  CHECK(config.listen[1].unix_mode == 0770);
  CHECK(config.listen[1].unix_group == "www-data");
  CHECK(config.workers == 0);
  const Cluster& rdb = config.clusters.at("rdb");
  REQUIRE(rdb.servers.size() == 2);
  CHECK(rdb.servers[0].port == 5433);
  CHECK(rdb.servers[1].port == 5432);
  CHECK(rdb.servers[1].weight == 3);
  CHECK(rdb.monitor.interval_us == 500'000);
  CHECK(config.databases.at("mastodon").route == RoutePolicy::kSplit);
  CHECK(config.databases.at("mastodon").pool_size == 20);
  CHECK(config.databases.at("mastodon_primary").dbname == "mastodon");
  CHECK(config.users.at("sidekiq").max_user_client_connections == 2000);
  CHECK(config.users.at("sidekiq").idle_transaction_us == 90 * kSecond);
  CHECK_FALSE(config.users.at("sidekiq").query_us.has_value());
  CHECK(config.auth.type == AuthType::kMd5);
  CHECK(config.auth.file == "/etc/pgsaba/userlist.txt");
  CHECK(config.admin.users == std::vector<std::string>{"saba"});
  CHECK(config.admin.stats_users == std::vector<std::string>{"zabbix"});
  CHECK(config.http.port == 9127);
  CHECK(config.routing.read_your_writes == ReadYourWrites::kSession);
  CHECK(config.routing.max_lag_us == 1'500'000);
  CHECK(config.timeouts.query_wait_us == 5 * kSecond);
  CHECK(config.timeouts.failover_wait_us == 60 * kSecond);
  CHECK(config.timeouts.server_connect_us == 15 * kSecond);
  CHECK(config.limits.max_message_bytes == 64 * 1024 * 1024);
  CHECK(config.limits.max_client_connections == 5000);
}

TEST_CASE("a missing listen section means loopback") {
  const Loaded loaded = load_text(kBase);
  CHECK(texts_of(loaded) == "");
  REQUIRE(loaded.config);
  REQUIRE(loaded.config->listen.size() == 1);
  CHECK(loaded.config->listen[0].address == "127.0.0.1");
  CHECK(loaded.config->listen[0].port == 6432);
}

TEST_CASE("a database with a host has a cluster of its own, shared by equal hosts") {
  const Loaded loaded = load_text(
      "auth: {type: trust}\n"
      "databases:\n"
      "  a: {host: 10.0.0.9, port: 5433}\n"
      "  b: {host: 10.0.0.9, port: 5433, dbname: a}\n"
      "  c: {host: \"::1\"}\n"
      "  d: {host: /run/postgresql}\n");
  CHECK(texts_of(loaded) == "");
  REQUIRE(loaded.config);
  const Config& config = *loaded.config;
  CHECK(config.clusters.size() == 3);
  CHECK(config.databases.at("a").cluster == "10.0.0.9:5433");
  CHECK(config.databases.at("b").cluster == "10.0.0.9:5433");
  CHECK(config.databases.at("c").cluster == "[::1]:5432");
  const Cluster& cluster = config.clusters.at("10.0.0.9:5433");
  CHECK(cluster.anonymous);
  REQUIRE(cluster.servers.size() == 1);
  CHECK(cluster.servers[0].host == "10.0.0.9");
  CHECK(cluster.servers[0].port == 5433);
}

TEST_CASE("names are looked up, '*' stands for the rest") {
  const Loaded loaded = load_text(kBase + "users: {worker: {pool_size: 3}}\n");
  REQUIRE(loaded.config);
  CHECK(find_database(*loaded.config, "shop") == &loaded.config->databases.at("shop"));
  CHECK(find_database(*loaded.config, "other") == nullptr);
  REQUIRE(find_user(*loaded.config, "worker") != nullptr);
  CHECK(find_user(*loaded.config, "worker")->pool_size == 3);
  CHECK(find_user(*loaded.config, "nobody") == nullptr);

  const Loaded star =
      load_text("auth: {type: trust}\ndatabases: {'*': {host: db}, x: {host: e}}\n");
  REQUIRE(star.config);
  CHECK(find_database(*star.config, "other") == &star.config->databases.at("*"));
  CHECK(find_database(*star.config, "x") == &star.config->databases.at("x"));
}

TEST_CASE("load() joins the errors and leaves warnings out") {
  FakeWorld world;
  world.files["p.yaml"] = "workers: many\nauth: {type: trust}\n";
  const auto bad = load("p.yaml", world.environment());
  REQUIRE_FALSE(bad.ok());
  CHECK(bad.error().message ==
        "workers: 'many' is not a number (p.yaml:1); write a number or auto");
  CHECK(check("p.yaml", world.environment()).size() == 2);

  world.files["p.yaml"] = kBase;
  CHECK(load("p.yaml", world.environment()).ok());
  CHECK_FALSE(load("missing.yaml", world.environment()).ok());
}

TEST_CASE("anchors and aliases work within a bound") {
  const Loaded loaded = load_text(
      "auth: {type: trust}\n"
      "databases:\n"
      "  a: &common {host: db, pool_size: 7}\n"
      "  b: *common\n");
  CHECK(texts_of(loaded) == "");
  REQUIRE(loaded.config);
  CHECK(loaded.config->databases.at("b").pool_size == 7);

  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 8; ++i) {
    const std::string before = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int j = 0; j < 10; ++j) bomb += (j ? ", " : "") + before;
    bomb += "]\n";
  }
  const Loaded large = load_text(bomb);
  CHECK_FALSE(large.config);
  CHECK(texts_of(large).find("the file is too large (pgsaba.yaml:") != std::string::npos);
  CHECK(texts_of(load_text("a: &x [*x]\n")).find("inside what it names") != std::string::npos);
}

TEST_CASE("ten thousand users cost about 200 bytes each") {
  const std::size_t node = sizeof(std::pair<const std::string, UserSettings>) + 2 * sizeof(void*);
  CHECK(node <= 200);
  std::string text = kBase + "users:\n";
  for (int i = 0; i < 10'000; ++i) text += "  user" + std::to_string(i) + ": {pool_size: 5}\n";
  const Loaded loaded = load_text(text);
  CHECK(texts_of(loaded) == "");
  REQUIRE(loaded.config);
  CHECK(loaded.config->users.size() == 10'000);
}

TEST_CASE("whose mode of TLS counts for a client is found by the address it has reached") {
  Config config;
  config.tls.settings.mode = TlsMode::kRequire;
  config.listen = {{.address = "127.0.0.1", .port = 1, .tls_mode = TlsMode::kDisable},
                   {.address = "0.0.0.0", .port = 1, .tls_mode = TlsMode::kVerifyCa},
                   {.address = "0.0.0.0", .port = 2},
                   {.address = "::", .port = 2, .tls_mode = TlsMode::kAllow},
                   {.port = 3, .unix_directory = "/tmp"}};
  CHECK(tls_mode_at(config, "127.0.0.1", 1) == TlsMode::kDisable);
  CHECK(tls_mode_at(config, "127.0.0.2", 1) == TlsMode::kVerifyCa);
  CHECK(tls_mode_at(config, "10.0.0.1", 2) == TlsMode::kRequire);
  CHECK(tls_mode_at(config, "::1", 2) == TlsMode::kAllow);
  CHECK(tls_mode_at(config, "::1", 1) == TlsMode::kRequire);  // a socket that was passed on
  CHECK(tls_mode_at(config, "127.0.0.1", 3) == TlsMode::kRequire);
  CHECK(tls_mode_of(config, config.listen[4]) == TlsMode::kDisable);
  CHECK_FALSE(offers_tls(config));
  config.tls.settings.files.certificate = "x";
  CHECK(offers_tls(config));
  config.listen.resize(1);
  CHECK_FALSE(offers_tls(config));
}
