#include "pgsaba/session/pin.h"

#include <doctest/doctest.h>

#include <set>

using namespace pgsaba::session;

TEST_CASE("reasons come and go by themselves") {
  Pins pins;
  CHECK_FALSE(pins.any());
  CHECK(pins.describe().empty());
  pins.set(PinReason::kTemporary);
  pins.set(PinReason::kListen);
  pins.set(PinReason::kUnknown, false);
  CHECK(pins.any());
  CHECK(pins.has(PinReason::kTemporary));
  CHECK(pins.has(PinReason::kListen));
  CHECK_FALSE(pins.has(PinReason::kUnknown));
  CHECK(pins.describe() == "temporary objects, LISTEN");
  pins.set(PinReason::kTemporary, false);
  CHECK_FALSE(pins.has(PinReason::kTemporary));
  CHECK(pins.describe() == "LISTEN");
  pins.clear();
  CHECK_FALSE(pins.any());
}

TEST_CASE("every reason has a bit and a name of its own") {
  std::set<std::string> names;
  unsigned all = 0;
  for (int i = 0; i < kPinReasons; ++i) {
    Pins pins;
    pins.set(static_cast<PinReason>(i));
    CHECK((all & pins.bits()) == 0);
    all |= pins.bits();
    CHECK(Pins::describe_pins(pins.bits()) == pins.describe());
    names.insert(pins.describe());
  }
  CHECK(all == 0xff);
  CHECK(names.size() == kPinReasons);
  CHECK_FALSE(names.contains(""));
  Pins unknown;
  unknown.set(PinReason::kUnknown);
  CHECK(unknown.describe() == "unknown state");
}
