// Processes that share a port: what is read, and what is wrong.
#include <doctest/doctest.h>

#include "fake_world.h"

using namespace pgsaba;
using namespace pgsaba::config;

namespace {

constexpr const char* kRest = "databases: {a: {host: db}}\nauth: {type: trust}\n";

Loaded loaded_with(const std::string& text) {
  FakeWorld world;
  return load_text(kRest + text, world);
}

void refuses(const std::string& text, const std::string& words) {
  const Loaded loaded = loaded_with(text);
  const std::string told = texts_of(loaded);
  CAPTURE(told);
  CHECK_FALSE(loaded.config);
  CHECK(told.find(words) != std::string::npos);
}

}  // namespace

TEST_CASE("peers are read by their ids") {
  const Loaded loaded = loaded_with(
      "reuse_port: true\npeer_id: 1\npeers: {1: {host: /run/1}, 127: {host: h, port: 5}}\n");
  CHECK(texts_of(loaded) == "");
  REQUIRE(loaded.config);
  CHECK(loaded.config->reuse_port);
  CHECK(loaded.config->peer_id == 1);
  CHECK(loaded.config->peers.at(1) == Peer{"/run/1", 6432});
  CHECK(loaded.config->peers.at(127) == Peer{"h", 5});
}

TEST_CASE("what is wrong with peers is told with its line") {
  refuses("peers: {2: {host: h}}\n",
          "peer_id is missing (pgsaba.yaml:3); without it, no peer knows which cancel keys are of "
          "this process");
  refuses("peer_id: 1\npeers:\n  128: {host: h}\n",
          "peers: '128' is no peer_id (pgsaba.yaml:5); allowed are 1 to 127");
  refuses("peer_id: 1\npeers:\n  0: {host: h}\n", "'0' is no peer_id (pgsaba.yaml:5)");
  refuses("peer_id: 1\npeers:\n  x: {host: h}\n", "'x' is no peer_id (pgsaba.yaml:5)");
  refuses("peer_id: 128\n", "peer_id: '128' is out of range (pgsaba.yaml:3)");
  refuses("peer_id: 1\npeers:\n  2: {host: h}\n  02: {host: g}\n", "is set twice");
  refuses("peer_id: 1\npeers:\n  2: {port: 5}\n", "peers.2 has no host (pgsaba.yaml:5)");
  refuses("peer_id: 1\nreuse_port: true\npeers:\n  2: {host: 127.0.0.1}\n",
          "peers.2 is at an address that this process listens on, too (pgsaba.yaml:6)");
}

TEST_CASE("a shared port without peers is worth a warning") {
  const Loaded loaded = loaded_with("reuse_port: true\n");
  CHECK(loaded.config);
  CHECK(texts_of(loaded).find("a cancel request that comes to another process is lost "
                              "(pgsaba.yaml:3)") != std::string::npos);
}
