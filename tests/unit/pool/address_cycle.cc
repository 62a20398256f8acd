#include "pgsaba/pool/address_cycle.h"

#include <doctest/doctest.h>

using namespace pgsaba;
using pool::AddressCycle;

namespace {

constexpr Micros kRest = 15 * kSecond;

net::Address at(const char* host) { return *net::Address::from_host(host, 5432); }

const AddressCycle::Addresses kThree{at("10.0.0.1"), at("10.0.0.2"), at("::1")};

}  // namespace

TEST_CASE("each address has its turn") {
  AddressCycle cycle;
  for (int round = 0; round < 3; ++round)
    for (const net::Address& address : kThree) CHECK(cycle.next(kThree, 0, kRest) == address);
}

TEST_CASE("one that failed is left out for a while, or until it has succeeded") {
  AddressCycle cycle;
  cycle.failed(kThree[1], 0);
  CHECK(cycle.any_fresh(kThree, 0, kRest));
  CHECK(cycle.next(kThree, 0, kRest) == kThree[0]);
  CHECK(cycle.next(kThree, 0, kRest) == kThree[2]);
  CHECK(cycle.next(kThree, kRest - 1, kRest) == kThree[0]);
  CHECK(cycle.next(kThree, kRest, kRest) == kThree[1]);
  cycle.failed(kThree[2], kRest);
  cycle.succeeded(kThree[2]);
  CHECK(cycle.next(kThree, kRest, kRest) == kThree[2]);
}

TEST_CASE("where all have failed, all are tried in turn") {
  AddressCycle cycle;
  for (const net::Address& address : kThree) cycle.failed(address, 0);
  CHECK_FALSE(cycle.any_fresh(kThree, 1, kRest));
  CHECK(cycle.next(kThree, 1, kRest) == kThree[0]);
  CHECK(cycle.next(kThree, 1, kRest) == kThree[1]);
  CHECK(cycle.next(kThree, 1, kRest) == kThree[2]);
}

TEST_CASE("a single address is always the next") {
  AddressCycle cycle;
  const AddressCycle::Addresses one{at("10.0.0.1")};
  cycle.failed(one[0], 0);
  CHECK_FALSE(cycle.any_fresh(one, 0, kRest));
  CHECK(cycle.next(one, 0, kRest) == one[0]);
  CHECK(cycle.next(one, 0, 0) == one[0]);
}
