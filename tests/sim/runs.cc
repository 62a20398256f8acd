// Runs of whole workers in a simulated world. PGSABA_SIM_SEEDS=N plays N seeds instead of a few;
// PGSABA_SIM_SEED=S begins with S, and alone plays only that one and shows the log.
#include <doctest/doctest.h>

#include <cstdlib>
#include <string>

#include "pgsaba/base/log.h"
#include "sim/world.h"

using namespace pgsaba::sim;

namespace {

std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

void quiet(bool shown) {
  pgsaba::log::Options options;
  options.level = shown ? pgsaba::log::Level::kInfo : pgsaba::log::Level::kCritical;
  REQUIRE(pgsaba::log::configure(options).ok());
}

constexpr std::uint64_t kEnoughSeeds = 80;

struct Sums {
  std::size_t runs = 0;
  std::size_t lent = 0;
  std::size_t cancels = 0;
  std::size_t own_cancelled = 0;
  std::size_t refused = 0;
  std::size_t pins_refused = 0;
  std::size_t pinned = 0;
  std::size_t heard = 0;
};

void play(std::uint64_t seed, Sums& sums) {
  const Outcome outcome = World(Scenario::random(seed)).run();
  sums.runs += outcome.runs;
  sums.lent += outcome.lent_servers;
  sums.cancels += outcome.cancels_hit;
  sums.own_cancelled += outcome.own_cancelled;
  sums.refused += outcome.refused;
  sums.pins_refused += outcome.pins_refused;
  sums.pinned += outcome.pinned;
  sums.heard += outcome.heard;
  CHECK_MESSAGE(outcome.findings.empty(),
                "PGSABA_SIM_SEED=" << seed << " plays this again: " << outcome.text());
}

}  // namespace

TEST_CASE("clients get what a direct connection gives, whatever happens") {
  const bool only_one =
      std::getenv("PGSABA_SIM_SEED") != nullptr && std::getenv("PGSABA_SIM_SEEDS") == nullptr;
  quiet(only_one);
  const std::uint64_t first = number_from("PGSABA_SIM_SEED", 1);
  const std::uint64_t last = first + (only_one ? 1 : number_from("PGSABA_SIM_SEEDS", 80)) - 1;
  Sums sums;
  for (std::uint64_t seed = first; seed <= last; ++seed) play(seed, sums);
  MESSAGE("seeds: " << (last - first + 1) << ", " << sums.runs << " statements, " << sums.lent
                    << " servers lent, " << sums.cancels << " cancelled and " << sums.own_cancelled
                    << " of pgsaba's own, " << sums.refused << " refused, " << sums.pinned
                    << " pinned at once in sum, " << sums.pins_refused << " pins refused, "
                    << sums.heard << " notifications");
  if (last - first + 1 < kEnoughSeeds) return;
  // A run in which nothing of a kind happens shows nothing of it.
  for (const std::size_t kind : {sums.runs, sums.lent, sums.cancels, sums.refused, sums.pinned,
                                 sums.pins_refused, sums.heard})
    CHECK(kind > 0);
}
