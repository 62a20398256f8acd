#include "pgsaba/stats/tally.h"

#include <doctest/doctest.h>

using pgsaba::stats::Tally;

TEST_CASE("a tally counts by name, and knows no more than so many") {
  Tally tally;
  for (std::size_t i = 0; i < 2 * Tally::kMost; ++i) tally.count(std::to_string(i));
  tally.count("1");
  CHECK(tally.counts().size() == Tally::kMost + 1);
  CHECK(tally.counts().find("1")->second == 2);
  CHECK(tally.counts().find("other")->second == Tally::kMost);
}
