#include "pgsaba/net/address.h"

#include <doctest/doctest.h>
#include <sys/un.h>

#include <cstddef>
#include <string>

using pgsaba::net::Address;
using Family = pgsaba::net::Address::Family;

namespace {

Address through_sockaddr(const Address& address) {
  sockaddr_storage raw{};
  const socklen_t length = address.to_sockaddr(raw);
  return Address::from_sockaddr(reinterpret_cast<const sockaddr*>(&raw), length);
}

}  // namespace

TEST_CASE("an address survives text and sockaddr") {
  struct Row {
    const char* text;
    Family family;
    const char* host;
    int port;
    bool loopback;
  };
  const Row rows[] = {
      {"127.0.0.1:5432", Family::kIpv4, "127.0.0.1", 5432, true},
      {"10.0.0.11:65535", Family::kIpv4, "10.0.0.11", 65535, false},
      {"[::1]:5432", Family::kIpv6, "::1", 5432, true},
      {"[2001:db8::7]:1", Family::kIpv6, "2001:db8::7", 1, false},
      {"[::ffff:127.0.0.1]:5432", Family::kIpv6, "::ffff:127.0.0.1", 5432, true},
      {"[fe80::1%1]:5432", Family::kIpv6, "fe80::1%1", 5432, false},
      {"unix:/run/x/.s.PGSQL.6432", Family::kUnix, "/run/x/.s.PGSQL.6432", 6432, true},
      {"unix:@saba/.s.PGSQL.5432", Family::kUnix, "@saba/.s.PGSQL.5432", 5432, true},
      {"unix:/run/other.sock", Family::kUnix, "/run/other.sock", 0, true},
      {"unix:", Family::kUnix, "", 0, true},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    const auto address = Address::parse(row.text);
    REQUIRE(address.ok());
    CHECK(address->family() == row.family);
    CHECK(address->host() == row.host);
    CHECK(address->port() == row.port);
    CHECK(address->is_loopback() == row.loopback);
    CHECK(address->to_string() == row.text);
    CHECK(through_sockaddr(*address) == *address);
  }
}

TEST_CASE("a host and a port make an address; names do not") {
  CHECK(Address::from_host("::1", 7)->to_string() == "[::1]:7");
  CHECK(Address::from_host("[::1]", 7)->to_string() == "[::1]:7");
  CHECK(Address::from_host("/run/pg", 7)->to_string() == "unix:/run/pg/.s.PGSQL.7");
  CHECK(Address::from_host("@pg", 7)->to_string() == "unix:@pg/.s.PGSQL.7");
  for (const char* bad : {"localhost", "", "1.2.3", "1.2.3.4.5", "::1::", "fe80::1%nosuchif0"}) {
    CAPTURE(bad);
    CHECK_FALSE(Address::from_host(bad, 7).ok());
  }
  for (const char* bad :
       {"127.0.0.1", "::1:5432", "127.0.0.1:65536", "127.0.0.1:", "a:1", "/x:1"}) {
    CAPTURE(bad);
    CHECK_FALSE(Address::parse(bad).ok());
  }
}

TEST_CASE("a Unix path is absolute and fits into sockaddr_un") {
  CHECK_FALSE(Address::from_unix_path("relative/path").ok());
  const std::string longest = "/" + std::string(106, 'a');
  REQUIRE(Address::from_unix_path(longest).ok());
  CHECK(through_sockaddr(*Address::from_unix_path(longest)).host() == longest);
  CHECK_FALSE(Address::from_unix_path(longest + "a").ok());
}

TEST_CASE("an abstract name is written with a NUL and without a trailing one") {
  sockaddr_storage raw{};
  const socklen_t length = Address::from_unix_path("@ab")->to_sockaddr(raw);
  CHECK(length == offsetof(sockaddr_un, sun_path) + 3);
  CHECK(reinterpret_cast<const sockaddr_un*>(&raw)->sun_path[0] == '\0');
}

TEST_CASE("equality looks at every part") {
  CHECK(*Address::parse("127.0.0.1:1") == *Address::parse("127.0.0.1:1"));
  CHECK_FALSE(*Address::parse("127.0.0.1:1") == *Address::parse("127.0.0.1:2"));
  CHECK_FALSE(*Address::parse("[fe80::1%1]:1") == *Address::parse("[fe80::1%2]:1"));
  CHECK_FALSE(*Address::parse("unix:/a") == *Address::parse("unix:@a"));
  CHECK(Address() == Address());
  CHECK(Address().to_string() == "none");
  sockaddr_storage raw{};
  CHECK(Address().to_sockaddr(raw) == 0);
}
