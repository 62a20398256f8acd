// The parts, timed by Google Benchmark; --help lists its options.
#include <benchmark/benchmark.h>

#include "part.h"

namespace {

constexpr std::int64_t kAtOnce = 100;  // the clock is looked at in between

void time_part(benchmark::State& state, const bench::Part& part) {
  while (state.KeepRunningBatch(kAtOnce)) part.run(kAtOnce);
}

}  // namespace

int main(int argc, char** argv) {
  const bench::Parts parts = bench::all_parts();
  for (const bench::Part& part : parts) {
    benchmark::RegisterBenchmark(part.name.c_str(),
                                 [&part](benchmark::State& state) { time_part(state, part); });
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}
