// Every way a file can be wrong, and the exact words for it.
#include <doctest/doctest.h>

#include "fake_world.h"
#include "pgsaba/config/problems.h"

using namespace pgsaba;
using namespace pgsaba::config;

namespace {

struct Wrong {
  const char* text;   // appended to what is right
  const char* error;  // must be among the messages, whole line
};

bool has_line(const std::string& text, const std::string& line) {
  return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

void check_all(const std::string& before, const std::vector<Wrong>& cases) {
  for (const Wrong& wrong : cases) {
    CAPTURE(wrong.text);
    FakeWorld world;
    world.files["pw"] = "secret";
    const Loaded loaded = load_text(before + wrong.text, world);
    CHECK_FALSE(loaded.config);
    const std::string texts = texts_of(loaded);
    CAPTURE(texts);
    CHECK_MESSAGE(has_line(texts, wrong.error), wrong.error);
  }
}

}  // namespace

TEST_CASE("unknown keys name the nearest one") {
  check_all(
      "auth: {type: trust}\n",
      {{"databases:\n  mastodon:\n    host: db\n    pool_sise: 5\n",
        "unknown key 'pool_sise' in databases.mastodon (pgsaba.yaml:5); did you mean 'pool_size'?"},
       {"pool: {mode: session}\n",
        "unknown key 'mode' in pool (pgsaba.yaml:2); did you mean 'pool_mode'?"},
       {"databases: {d: {cluster: c, size: 3}}\n",
        "unknown key 'size' in databases.d (pgsaba.yaml:2); did you mean 'pool_size'?"},
       {"limits: {max_clients: 3}\n",
        "unknown key 'max_clients' in limits (pgsaba.yaml:2); did you mean "
        "'max_client_connections'?"},
       {"databses: {}\n", "unknown key 'databses' (pgsaba.yaml:2); did you mean 'databases'?"},
       {"users:\n  x: {query_wiat: 1}\n",
        "unknown key 'query_wiat' in users.x (pgsaba.yaml:3); did you mean 'query_wait'?"},
       {"verbose: 1\n", "unknown key 'verbose' (pgsaba.yaml:2); did you mean 'log.level'?"},
       {"timeouts:\n  query_wait_timeout: 1\n",
        "unknown key 'query_wait_timeout' in timeouts (pgsaba.yaml:3); did you mean "
        "'timeouts.query_wait'?"},
       {"max_client_conn: 5\n",
        "unknown key 'max_client_conn' (pgsaba.yaml:2); did you mean "
        "'limits.max_client_connections'?"},
       {"pool: {xyzzyxyzzy: 5}\n", "unknown key 'xyzzyxyzzy' in pool (pgsaba.yaml:2)"},
       {"clusters:\n  c: {server: []}\n",
        "unknown key 'server' in clusters.c (pgsaba.yaml:3); did you mean 'servers'?"},
       {"clusters:\n  c:\n    servers: [{host: a, prt: 1}]\n",
        "unknown key 'prt' in clusters.c.servers[1] (pgsaba.yaml:4); did you mean 'port'?"},
       {"listen:\n  - {adress: a}\n",
        "unknown key 'adress' in listen[1] (pgsaba.yaml:3); did you mean 'address'?"},
       {"monitor: {}\n", "unknown key 'monitor' (pgsaba.yaml:2)"}});
}

TEST_CASE("values that do not fit") {
  check_all(
      kBase,
      {{"pool:\n  pool_size: -3\n",
        "pool.pool_size: '-3' is out of range (pgsaba.yaml:5); allowed are 0 to 1000000000"},
       {"pool: {pool_size: 5x}\n", "pool.pool_size: '5x' is not a number (pgsaba.yaml:4)"},
       {"pool: {pool_size: 99999999999999999999}\n",
        "pool.pool_size: '99999999999999999999' is not a number (pgsaba.yaml:4)"},
       {"pool: {pool_size: [1]}\n",
        "pool.pool_size: a single value is needed here, not a list (pgsaba.yaml:4)"},
       {"timeouts: {query: 5 minutes}\n",
        "timeouts.query: '5 minutes' is not a duration (pgsaba.yaml:4); write a number and a unit: "
        "us, ms, s, min, h or d"},
       {"timeouts: {query: 99999d}\n",
        "timeouts.query: '99999d' is out of range (pgsaba.yaml:4); allowed are 0 to 3650d"},
       {"limits: {max_message_size: 5XB}\n",
        "limits.max_message_size: '5XB' is not a size (pgsaba.yaml:4); write a number and a unit: "
        "B, kB, MB, GB or TB"},
       {"log: {stats: maybe}\n", "log.stats: 'maybe' is neither true nor false (pgsaba.yaml:4)"},
       {"pool: {pool_mode: transction}\n",
        "pool.pool_mode: 'transction' is not one of session, transaction, statement "
        "(pgsaba.yaml:4); did you mean 'transaction'?"},
       {"listen: [{unix: /run/x, mode: 0999}]\n",
        "listen[1].mode: '0999' is not an octal file mode (pgsaba.yaml:4); write it like 0770"},
       {"listen: [{address: 127.0.0.1, port: 0}]\n",
        "listen[1].port: '0' is out of range (pgsaba.yaml:4); allowed are 1 to 65535"},
       {"admin: {users: [a, {b: c}]}\n",
        "admin.users: a list of names is needed here, not one that holds a map (pgsaba.yaml:4)"},
       {"timeouts: 5\n", "timeouts must be a map, not a single value (pgsaba.yaml:4)"},
       {"listen: 5\n", "listen must be a list, not a single value (pgsaba.yaml:4)"},
       {"users: [a]\n", "users must be a map, not a list (pgsaba.yaml:4)"}});
}

TEST_CASE("keys that are set twice") {
  check_all(kBase,
            {{"auth: {}\n", "duplicate key 'auth' (pgsaba.yaml:4); it first stands in line 1"},
             {"pool:\n  pool_size: 1\n  pool_size: 2\n",
              "duplicate key 'pool_size' (pgsaba.yaml:6); it first stands in line 5"},
             {"users:\n  a: {}\n  a: {}\n",
              "duplicate key 'a' (pgsaba.yaml:6); it first stands in line 5"}});
}

TEST_CASE("what is no usable YAML") {
  check_all(
      "", {{"a: [1\n", "not valid YAML: end of sequence flow not found (pgsaba.yaml:2)"},
           {"- a\n", "the file must be a map of sections, not a list (pgsaba.yaml:1)"},
           {"workers: 1\n---\nworkers: 2\n", "a second YAML document is not read (pgsaba.yaml:2)"},
           {"[a]: 1\n", "a key must be a name, not a list (pgsaba.yaml:1)"}});
}

TEST_CASE("references and contradictions") {
  check_all(
      "auth: {type: trust}\n",
      {{"clusters: {main: {servers: [{host: a}]}}\ndatabases:\n  x: {cluster: mian}\n",
        "databases.x: there is no cluster 'mian' (pgsaba.yaml:4); did you mean 'main'?"},
       {"databases:\n  x: {}\n", "databases.x needs a cluster or a host (pgsaba.yaml:3)"},
       {"databases:\n  x: {port: 1, cluster: c}\n",
        "databases.x has a port but no host (pgsaba.yaml:3)"},
       {"clusters: {c: {servers: [{host: a}]}}\ndatabases:\n  x: {cluster: c, host: a}\n",
        "databases.x has either a cluster or a host, not both (pgsaba.yaml:4)"},
       {"databases:\n  pgsaba: {host: a}\n",
        "the database name 'pgsaba' is reserved for the admin console (pgsaba.yaml:3)"},
       {"databases:\n  pgbouncer: {host: a}\n",
        "the database name 'pgbouncer' is reserved for the admin console (pgsaba.yaml:3)"},
       {"clusters:\n  c:\n    servers: [{host: a}]\n"
        "    monitor: {password: x, password_file: pw}\n",
        "clusters.c.monitor has either a password or a password_file, not both (pgsaba.yaml:5)"},
       {"listen: [{unix: '@x', group: g}]\n",
        "a socket in the abstract namespace has no group (pgsaba.yaml:2)"},
       {"databases: {a123456789b123456789c123456789d123456789e123456789f123456789wxyz: {}}\n",
        "the database name 'a123456789b123456789c123456789d123456789e123456789f123456789wxyz' is "
        "too long (pgsaba.yaml:2); PostgreSQL allows 63 bytes"},
       {"databases:\n  x: {host: a, password: p}\n",
        "databases.x has a password but no user (pgsaba.yaml:3)"},
       {"clusters:\n  c: {}\n", "clusters.c has no servers (pgsaba.yaml:3)"},
       {"clusters:\n  c: {servers: [{name: a}]}\n",
        "a server of clusters.c has no host (pgsaba.yaml:3)"},
       {"clusters:\n  c:\n    servers:\n      - {name: a, host: x}\n      - {name: a, host: y}\n",
        "clusters.c has two servers called 'a' (pgsaba.yaml:6)"},
       {"clusters:\n  'a:1': {servers: [{host: a}]}\n",
        "the cluster name 'a:1' is empty or contains ':' (pgsaba.yaml:3)"},
       {"listen: [{address: 127.0.0.1, unix: /b}]\n",
        "a listener has either an address or a unix directory, not both (pgsaba.yaml:2)"},
       {"listen: [{address: db.example.net}]\n",
        "'db.example.net' is not a numeric address (pgsaba.yaml:2); write an IPv4 or IPv6 address "
        "of "
        "this machine, localhost, or * for all"},
       {"listen: [{port: 1}]\n", "a listener needs an address or a unix directory (pgsaba.yaml:2)"},
       {"listen:\n  - {address: 127.0.0.1}\n  - {address: 127.0.0.1}\n",
        "two listeners on 127.0.0.1:6432 (pgsaba.yaml:4)"},
       {"listen: [{unix: run}]\n", "unix must be an absolute directory or @name (pgsaba.yaml:2)"}});
  check_all("", {{"auth: {type: md5}\n",
                  "auth.file is missing (pgsaba.yaml:1); without it nobody can log in"}});
}

TEST_CASE("a Unix socket's path has a limit") {
  const std::string directory = "/" + std::string(92, 'x');
  CHECK(load_text(kBase + "listen: [{unix: " + directory + "}]\n").config);
  const Loaded loaded = load_text(kBase + "listen: [{unix: " + directory + "y}]\n");
  CHECK(texts_of(loaded).find("the path of the Unix socket is too long") != std::string::npos);
}

TEST_CASE("all errors are reported at once, up to a limit") {
  const Loaded three = load_text("workers: x\npool: {a: 1, pool_size: y}\nauth: {type: trust}\n");
  CHECK(texts_of(three) ==
        "workers: 'x' is not a number (pgsaba.yaml:1); write a number or auto\n"
        "unknown key 'a' in pool (pgsaba.yaml:2)\n"
        "pool.pool_size: 'y' is not a number (pgsaba.yaml:2)\n"
        "there are no databases\n");
  std::string text = "pool:\n";
  for (int i = 0; i < 100; ++i) text += "  zzzzzzzz" + std::to_string(i) + ": 1\n";
  const Loaded many = load_text(text);
  CHECK_FALSE(many.config);
  CHECK(many.problems.size() == Problems::kMaxErrors + 1);
  CHECK(many.problems.back().text() == "there may be more errors");

  std::string twice = "users:\n";
  for (int i = 0; i < 100; ++i) twice += "  a: {}\n";
  CHECK(load_text(twice).problems.size() == Problems::kMaxErrors + 1);
}

TEST_CASE("warnings leave the configuration usable") {
  const auto warns = [](const std::string& text, const std::string& warning) {
    const Loaded loaded = load_text(text);
    CHECK(texts_of(loaded) == warning + "\n");
    CHECK(loaded.config);
  };
  warns("auth: {type: trust}\ndatabases:\n  a: {host: h, pool_size: 9, max_connections: 5}\n",
        "databases.a: a pool may grow to 9, but the database is limited to 5 server connections "
        "(pgsaba.yaml:3)");
  warns("auth: {type: trust}\ndatabases:\n  a: {host: h, pool_size: 2, min_pool_size: 5}\n",
        "databases.a: min_pool_size is larger than pool_size (pgsaba.yaml:3)");
  warns(kBase + "users:\n  u: {pool_size: 5, max_user_connections: 2}\n",
        "users.u: pool_size is larger than max_user_connections (pgsaba.yaml:5)");
  warns(kBase + "users:\n  u: {max_user_client_connections: 2000}\n",
        "users.u: max_user_client_connections is larger than limits.max_client_connections "
        "(pgsaba.yaml:5)");
  warns(kBase + "listen: [{address: 0.0.0.0}]\n",
        "auth.type is trust: whoever reaches '0.0.0.0' can log in as anybody (pgsaba.yaml:4)");
  warns("auth: {type: trust}\n", "there are no databases");

  std::string many = kBase + "users:\n";
  for (int i = 0; i < 100; ++i) {
    many += "  u" + std::to_string(i) + ": {pool_size: 5, max_user_connections: 2}\n";
  }
  const Loaded loaded = load_text(many);
  CHECK(loaded.config);
  CHECK(loaded.problems.size() == Problems::kMaxWarnings);
}

TEST_CASE("the lists of functions and relations hold names") {
  check_all(
      "auth: {type: trust}\ndatabases: {d: {host: h}}\n",
      {{"routing:\n  allow_functions:\n    - vat\n    - 'vat()'\n",
        "routing.allow_functions: 'vat()' is no name (pgsaba.yaml:6); write a function as it is "
        "called, without parentheses: vat, app.vat or \"Vat\""},
       {"routing:\n  deny_functions: a.b\n",
        "routing.deny_functions: 'a.b' has a schema (pgsaba.yaml:4); without one, it counts in "
        "every schema"},
       {"routing:\n  deny_relations: [t, '\"T']\n",
        "routing.deny_relations: '\"T' is no name (pgsaba.yaml:4); write it as in SQL: vat or "
        "\"Vat\""}});
}
