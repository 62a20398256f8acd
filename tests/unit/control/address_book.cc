#include "control/address_book.h"

#include <doctest/doctest.h>

#include <string>

using namespace pgsaba;
using namespace pgsaba::control;

namespace {

config::Config config_of(std::vector<std::string> hosts) {
  config::Config config;
  for (std::string& host : hosts)
    config.clusters["rdb"].servers.push_back({.name = host, .host = host, .port = 5432});
  return config;
}

}  // namespace

TEST_CASE("what is no name is known at once") {
  net::ControlLoop loop;
  AddressBook book(loop, [] {});
  book.watch(config_of({"127.0.0.1", "::1", "/run/postgresql", "@abstract"}));
  CHECK(book.complete());
  CHECK(book.looking_up().empty());
  std::string all;
  const AddressBook::Addresses known = book.addresses();
  for (const auto& addresses : known.at("rdb"))
    for (const net::Address& address : addresses) all += address.to_string() + " ";
  CHECK(all ==
        "127.0.0.1:5432 [::1]:5432 unix:/run/postgresql/.s.PGSQL.5432 "
        "unix:@abstract/.s.PGSQL.5432 ");
}

TEST_CASE("a name is being looked up until it is known, and then it stays so") {
  net::ControlLoop loop;
  int changes = 0;
  AddressBook book(loop, [&] {
    ++changes;
    loop.stop();
  });
  book.watch(config_of({"127.0.0.1", "localhost"}));
  CHECK_FALSE(book.complete());
  CHECK(book.looking_up() == AddressBook::Servers{{"rdb", 1}});
  const CurrentAddresses current = book.find("localhost", 5432);
  REQUIRE(current);
  CHECK(current->empty());
  REQUIRE(book.names().size() == 1);
  CHECK(book.names()[0].valid_until == 0);
  loop.run();
  REQUIRE(book.names().size() == 1);
  CHECK(book.names()[0].host == "localhost");
  CHECK_FALSE(book.names()[0].addresses.empty());
  CHECK(book.names()[0].valid_until > monotonic_now());
  CHECK(book.complete());
  CHECK(book.looking_up().empty());
  CHECK_FALSE(current->empty());
  CHECK(book.addresses().at("rdb")[1] == *current);

  book.watch(config_of({"localhost"}));
  CHECK(book.looking_up().empty());
  CHECK(book.find("localhost", 5432) == current);
  CHECK(book.find("127.0.0.1", 5432) == nullptr);
  CHECK(changes == 1);
}
