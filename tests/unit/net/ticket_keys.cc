#include "net/ticket_keys.h"

#include <doctest/doctest.h>

using namespace pgsaba;
using namespace pgsaba::net;

TEST_CASE("ticket keys: each is used for a while, known for longer, and forgotten") {
  TicketKeys keys;
  constexpr Micros kStart = 1'000;
  TicketKey first;
  TicketKey again;
  REQUIRE(keys.current(kStart, first));
  REQUIRE(keys.current(kStart + TicketKeys::kUsed - 1, again));
  CHECK(first.name == again.name);
  TicketKey second;
  REQUIRE(keys.current(kStart + TicketKeys::kUsed, second));
  CHECK(second.name != first.name);
  CHECK(second.cipher != first.cipher);
  CHECK(second.mac != first.mac);

  bool newest = false;
  TicketKey found;
  REQUIRE(keys.find(second.name, kStart + TicketKeys::kUsed, found, newest));
  CHECK(newest);
  REQUIRE(keys.find(first.name, kStart + TicketKeys::kKnown - 1, found, newest));
  CHECK_FALSE(newest);
  CHECK(found.cipher == first.cipher);
  CHECK_FALSE(keys.find(first.name, kStart + TicketKeys::kKnown, found, newest));
  CHECK_FALSE(keys.find(TicketKey().name, kStart, found, newest));
}
