// Runs a fuzz target over the files of its corpus, without libFuzzer: what once was found, and what
// every target should get right at least, is tried with each build. The only argument is the
// folder.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <vector>

// NOLINTNEXTLINE(readability-identifier-naming): the name libFuzzer calls
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

// In memory of just that size, so that reading past its end is seen.
std::vector<std::uint8_t> content_of(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  const std::vector<char> bytes{std::istreambuf_iterator<char>(stream), {}};
  return {bytes.begin(), bytes.end()};
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 2 || !std::filesystem::is_directory(arguments[1])) {
    std::fprintf(stderr, "a folder of inputs is needed\n");
    return 2;
  }
  std::set<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(arguments[1]))
    files.insert(entry.path());
  for (const auto& file : files) {
    std::printf("%s\n", file.c_str());  // the last one named is the one that failed
    std::fflush(stdout);
    const std::vector<std::uint8_t> input = content_of(file);
    LLVMFuzzerTestOneInput(input.data(), input.size());
  }
  std::printf("%zu inputs\n", files.size());
  return files.empty() ? 1 : 0;
}
