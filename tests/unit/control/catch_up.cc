#include "control/catch_up.h"

#include <doctest/doctest.h>

using pgsaba::kMillisecond;
using pgsaba::Micros;
using pgsaba::control::CatchUp;

namespace {

// Each target is reached after this time.
void reach(CatchUp& catch_up, Micros at, std::uint64_t lsn, Micros took) {
  catch_up.target(at, lsn);
  catch_up.replayed(at + took, lsn);
}

}  // namespace

TEST_CASE("a standby is slow when it always is") {
  CatchUp catch_up;
  CHECK(catch_up.expected() == 0);
  for (std::uint64_t i = 1; i < CatchUp::kTimes; ++i) {
    reach(catch_up, static_cast<Micros>(i) * 1'000'000, i, 500 + static_cast<Micros>(i));
    CHECK(catch_up.expected() == 0);  // it may be an exception
  }
  reach(catch_up, 10'000'000, 100, 900);
  CHECK(catch_up.expected() == 501);
  reach(catch_up, 20'000'000, 200, 40);  // and fast again at once
  CHECK(catch_up.expected() == 40);
}

TEST_CASE("what it reached last counts") {
  CatchUp catch_up;
  for (int i = 0; i < 4; ++i) reach(catch_up, i * 1'000, static_cast<std::uint64_t>(i + 1), 900);
  catch_up.target(9'000'000, 100);
  catch_up.target(9'999'900, 200);
  catch_up.replayed(10'000'000, 200);
  CHECK(catch_up.expected() == 100);
}

TEST_CASE("a standby that is overdue, and one that nobody asks") {
  CatchUp catch_up;
  for (int i = 1; i <= 1'001; ++i) {  // more than are remembered
    catch_up.target(i * kMillisecond, static_cast<std::uint64_t>(i));
    catch_up.replayed(i * kMillisecond, 0);
  }
  CHECK(catch_up.expected() == 250 * kMillisecond);
  catch_up.target(60'000 * kMillisecond, 2'000);  // nothing was heard since
  CHECK(catch_up.expected() == 250 * kMillisecond);
  catch_up.replayed(60'001 * kMillisecond, 2'000);
  CHECK(catch_up.expected() == 0);
  catch_up.clear();
  CHECK(catch_up.expected() == 0);
}
