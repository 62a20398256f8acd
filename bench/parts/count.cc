// Does one part a given number of times, and nothing else worth counting: `bench_count NAME TIMES`.
// Without arguments it tells, as JSON, how it was built and which parts there are.
#include <gnu/libc-version.h>

#include <cstdio>
#include <cstdlib>
#include <span>

#include "part.h"

namespace {

#ifdef __clang__
constexpr const char* kCompiler = "clang " __clang_version__;
#else
constexpr const char* kCompiler = "GCC " __VERSION__;
#endif

void describe(const bench::Parts& parts) {
  std::printf(R"({"compiler": "%s", "build": "%s", "C library": "%s", "parts": [)", kCompiler,
              PGSABA_BUILD, gnu_get_libc_version());
  const char* separator = "";
  for (const bench::Part& part : parts) {
    std::printf(R"(%s"%s")", separator, part.name.c_str());
    separator = ", ";
  }
  std::puts("]}");
}

}  // namespace

int main(int argc, char** argv) {
  const std::span<char*> arguments(argv, static_cast<std::size_t>(argc));
  const bench::Parts parts = bench::all_parts();
  if (arguments.size() == 1) {
    describe(parts);
    return 0;
  }
  for (const bench::Part& part : parts) {
    if (arguments.size() != 3 || part.name != arguments[1]) continue;
    part.run(std::strtoull(arguments[2], nullptr, 10));
    return 0;
  }
  std::fputs("usage: bench_count [NAME TIMES]\n", stderr);
  return 1;
}
