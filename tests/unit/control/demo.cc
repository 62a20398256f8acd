#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>
#include <set>

#include "control/demo_check.h"
#include "control/demo_options.h"
#include "control/installed_postgres.h"

using namespace pgsaba::control;

TEST_CASE("the demo's command line") {
  CHECK_FALSE(parse_demo_options({})->check);
  CHECK(parse_demo_options({})->port == 0);
  CHECK(parse_demo_options({"--check"})->check);
  CHECK(parse_demo_options({"-h"})->help);
  CHECK(parse_demo_options({"--port", "7000", "--check"})->port == 7000);
  CHECK(parse_demo_options({"--port=7000"})->port == 7000);
  CHECK(parse_demo_options({"-p", "7000"})->port == 7000);
  for (const char* port : {"", "0", "x", "7000x", "70000", "-1"}) {
    CAPTURE(port);
    CHECK_FALSE(parse_demo_options({"--port", port}).ok());
  }
  CHECK(parse_demo_options({"--port"}).error().message == "the option --port needs a port");
  CHECK(parse_demo_options({"--chekc"}).error().message == "unknown option \"--chekc\"");
}

TEST_CASE("a table is printed with columns as wide as needed") {
  CHECK(text_of({{"id", "name"}, {{"1", "saba"}, {"100", ""}}}) ==
        " id  | name\n"
        "-----+------\n"
        " 1   | saba\n"
        " 100 |\n");
}

TEST_CASE("ports for servers are distinct, and none that outgoing connections get") {
  std::uint32_t outgoing = 0;
  std::ifstream("/proc/sys/net/ipv4/ip_local_port_range") >> outgoing;
  const auto ports = free_loopback_ports(20);
  REQUIRE(ports.ok());
  CHECK(std::set<std::uint16_t>(ports->begin(), ports->end()).size() == 20);
  if (outgoing < 20'000) return;  // as good as none is left
  CHECK(std::all_of(ports->begin(), ports->end(), [&](auto port) { return port < outgoing; }));
}
