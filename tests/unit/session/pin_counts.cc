#include "pgsaba/session/pin_counts.h"

#include <doctest/doctest.h>

using namespace pgsaba::session;

TEST_CASE("what happens with pins is counted for each of their reasons") {
  Pins pins;
  pins.set(PinReason::kTemporary);
  pins.set(PinReason::kListen);
  PinCounts counts;
  CHECK_FALSE(counts.of(PinReason::kListen).any());
  counts.taken(pins);
  Pins listens;
  listens.set(PinReason::kListen);
  counts.ended(pins.without(listens), 100);
  counts.ended(listens, 250);
  counts.waited(listens, 30);
  counts.refused(listens);
  CHECK(counts.of(PinReason::kTemporary).taken == 1);
  CHECK(counts.of(PinReason::kTemporary).kept_us == 100);
  CHECK(counts.of(PinReason::kTemporary).refused == 0);
  CHECK(counts.of(PinReason::kListen).kept_us == 250);
  CHECK(counts.of(PinReason::kListen).ended == 1);
  CHECK(counts.of(PinReason::kListen).waited == 1);
  CHECK(counts.of(PinReason::kListen).wait_us == 30);
  CHECK(counts.of(PinReason::kListen).refused == 1);
  CHECK(counts.of(PinReason::kListen).any());
  CHECK_FALSE(counts.of(PinReason::kSequence).any());
  CHECK_FALSE(pins.without(pins).any());
}
