// Any text at all: loading ends, yields a Config exactly when there was no error, and the same one
// with the same problems when it is done again.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "pgsaba/config/compare.h"
#include "pgsaba/config/load.h"
#include "pgsaba/config/show.h"

using namespace pgsaba;

// NOLINTNEXTLINE(readability-identifier-naming): the name libFuzzer looks for
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const config::Environment environment{
      [](const std::string& name) -> std::optional<std::string> {
        if (name.empty()) return std::nullopt;
        return "5";
      },
      [&](const std::string& path) -> Result<std::string> {
        if (path == "fuzz.yaml") return text;
        return Error{"no such file"};
      },
      [](const std::string&) { return std::vector<std::string>{"fuzz.yaml"}; }};
  const config::Loaded loaded = config::load_with_problems("fuzz.yaml", environment);
  bool has_error = false;
  for (const config::Problem& problem : loaded.problems) {
    has_error = has_error || problem.severity == config::Severity::kError;
    if (problem.text().empty()) std::abort();
  }
  if (has_error == (loaded.config != nullptr)) std::abort();
  const config::Loaded again = config::load_with_problems("fuzz.yaml", environment);
  if (again.problems.size() != loaded.problems.size()) std::abort();
  for (std::size_t i = 0; i < again.problems.size(); ++i)
    if (again.problems[i].text() != loaded.problems[i].text()) std::abort();
  if ((again.config == nullptr) != (loaded.config == nullptr)) std::abort();
  if (loaded.config && !config::compare(*loaded.config, *again.config).empty()) std::abort();
  if (loaded.config) (void)config::show(*loaded.config);
  return 0;
}
