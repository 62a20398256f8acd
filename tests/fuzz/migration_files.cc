// Whatever is imported, the result is YAML that the reader of settings understands as such.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>

#include "pgsaba/config/problems.h"
#include "pgsaba/config/yaml_tree.h"
#include "pgsaba/migration/migration.h"

using namespace pgsaba;

namespace {

void check(const Result<migration::Migrated>& made) {
  if (!made) return;
  config::Problems problems;
  const config::Place file{std::make_shared<const std::string>("made.yaml"), 0};
  const auto tree = config::parse_yaml(made->yaml, file, problems);
  if (!tree && made->yaml.find('\0') == std::string::npos) std::abort();
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): the name libFuzzer looks for
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto read = [&](const std::string& path) -> Result<std::string> {
    if (path == "/main" || path == "/other") return text;
    return Error{"no such file"};
  };
  switch (data[0] % 3) {
    case 0:
      check(migration::from_pgbouncer("/main", read));
      break;
    case 1:
      check(migration::from_database_yml("/main", read, "production"));
      break;
    default:
      check(migration::from_pgpool("/main", read));
  }
  return 0;
}
