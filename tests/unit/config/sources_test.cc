// Included files, environment variables and secrets.
#include <doctest/doctest.h>

#include "config/expansion.h"
#include "config/source_files.h"
#include "fake_world.h"

using namespace pgsaba;
using namespace pgsaba::config;

TEST_CASE("sections are continued in included files") {
  FakeWorld world;
  world.files["/etc/p/p.yaml"] = "include: [conf.d/*.yaml, more.yaml]\n" + kBase;
  world.files["/etc/p/conf.d/a.yaml"] = "databases: {a: {host: ha}}\ntimeouts: {query: 1s}\n";
  world.files["/etc/p/conf.d/b.yaml"] = "databases: {b: {host: hb}}\ntimeouts: {transaction: 2s}\n";
  world.files["/etc/p/more.yaml"] = "auth: {file: list.txt}\nlog: {file: ../log}\n";
  world.files["/etc/p/conf.d/ignored.txt"] = "nonsense: [";
  const Loaded loaded = load_with_problems("/etc/p/p.yaml", world.environment());
  CHECK(texts_of(loaded) == "");
  REQUIRE(loaded.config);
  CHECK(loaded.config->databases.size() == 3);
  CHECK(loaded.config->timeouts.query_us == kSecond);
  CHECK(loaded.config->timeouts.transaction_us == 2 * kSecond);
  CHECK(loaded.config->auth.file == "/etc/p/list.txt");
  CHECK(loaded.config->log.file == "/etc/log");
}

TEST_CASE("errors name the included file; nothing is set twice across files") {
  FakeWorld world;
  world.files["d/p.yaml"] = kBase + "include: e/inner.yaml\npool: {pool_size: 1}\n";
  world.files["d/e/inner.yaml"] =
      "\n\npool: {pool_sise: 5, pool_size: 2}\ndatabases: {shop: {host: h}}\n";
  const Loaded loaded = load_with_problems("d/p.yaml", world.environment());
  CHECK(texts_of(loaded) ==
        "unknown key 'pool_sise' in pool (d/e/inner.yaml:3); did you mean 'pool_size'?\n"
        "'databases.shop' is set twice (d/e/inner.yaml:4); it is first set at d/p.yaml:3\n"
        "'pool.pool_size' is set twice (d/p.yaml:5); it is first set at d/e/inner.yaml:3\n");
}

TEST_CASE("loops and missing files") {
  FakeWorld world;
  world.files["a.yaml"] = kBase + "include: b.yaml\n";
  world.files["b.yaml"] = "include: ./a.yaml\n";
  CHECK(texts_of(load_with_problems("a.yaml", world.environment())) ==
        "'a.yaml' includes itself (b.yaml:1)\n");
  world.files["b.yaml"] = "include: [c.yaml, none*.yaml]\n";
  CHECK(texts_of(load_with_problems("a.yaml", world.environment())) ==
        "cannot read 'c.yaml': no such file (b.yaml:1)\n");
  CHECK(texts_of(load_with_problems("x.yaml", world.environment())) ==
        "cannot read 'x.yaml': no such file\n");
  world.files["b.yaml"] = "include: {a: b}\n";
  CHECK(texts_of(load_with_problems("a.yaml", world.environment())) ==
        "include must be a file or a list of files (b.yaml:1)\n");
}

TEST_CASE("environment variables in values") {
  FakeWorld world;
  world.variables = {{"A", "x"}, {"EMPTY", ""}, {"PORT", "5433"}, {"BAD", "secret"}};
  const Environment environment = world.environment();
  CHECK(*expand("plain", environment) == "plain");
  CHECK(*expand("<${A}${EMPTY}${A}>", environment) == "<xx>");
  CHECK(*expand("$${A} $A $", environment) == "${A} $A $");
  CHECK_FALSE(expand("${A", environment).ok());
  CHECK_FALSE(expand("${B}", environment).ok());

  const Loaded good = load_text(
      "auth: {type: trust}\ndatabases: {a: {host: \"${A}\", port: \"${PORT}\"}}\n", world);
  REQUIRE(good.config);
  CHECK(good.config->databases.at("a").host == "x");
  CHECK(good.config->databases.at("a").port == 5433);

  const Loaded bad =
      load_text(kBase + "pool:\n  pool_size: ${BAD}\n  pool_mode: ${UNSET}\n", world);
  CHECK(texts_of(bad) ==
        "pool.pool_size: '${BAD}' is not a number (pgsaba.yaml:5)\n"
        "pool.pool_mode: the environment variable 'UNSET' is not set (pgsaba.yaml:6)\n");
}

TEST_CASE("passwords from the environment and from files") {
  FakeWorld world;
  world.variables["SECRET"] = "s3cret";
  world.files["/etc/p/pw"] = "from file\n";
  world.files["/etc/p/p.yaml"] =
      "auth: {type: trust}\n"
      "databases:\n"
      "  a: {host: h, user: u, password: \"${SECRET}\"}\n"
      "  b: {host: h, user: u, password_file: pw}\n";
  const Loaded loaded = load_with_problems("/etc/p/p.yaml", world.environment());
  CHECK(texts_of(loaded) == "");
  REQUIRE(loaded.config);
  CHECK(loaded.config->databases.at("a").password == "s3cret");
  CHECK(loaded.config->databases.at("b").password == "from file");

  world.files["/etc/p/p.yaml"] =
      "auth: {type: trust}\n"
      "databases:\n"
      "  a: {host: h, user: u, password: x, password_file: pw}\n"
      "  b: {host: h, user: u, password_file: none}\n";
  CHECK(texts_of(load_with_problems("/etc/p/p.yaml", world.environment())) ==
        "databases.b.password_file: cannot read '/etc/p/none': no such file (/etc/p/p.yaml:4)\n"
        "databases.a has either a password or a password_file, not both (/etc/p/p.yaml:3)\n");
}

TEST_CASE("paths are relative to the file they stand in") {
  CHECK(path_beside("/etc/p/p.yaml", "x") == "/etc/p/x");
  CHECK(path_beside("/etc/p/p.yaml", "/x") == "/x");
  CHECK(path_beside("p.yaml", "d/../x") == "x");
}
