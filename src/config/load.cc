#include "pgsaba/config/load.h"

#include <algorithm>

#include "config_builder.h"
#include "cross_checks.h"
#include "pgsaba/config/problems.h"
#include "source_files.h"

namespace pgsaba::config {
namespace {

void check_all(const Config& config, const Places& places, Problems& problems) {
  check_listeners(config, places, problems);
  check_peers(config, places, problems);
  check_clusters(config, places, problems);
  check_databases(config, places, problems);
  check_login(config, places, problems);
  check_tls(config, places, problems);
  check_routing(config, places, problems);
  check_limits(config, places, problems);
}

// Errors first, as they were found; then warnings by line, since users have no order of their own.
void sort(std::vector<Problem>& problems) {
  const auto rank = [](const Problem& problem) {
    const bool warning = problem.severity == Severity::kWarning;
    return std::pair(warning, warning ? problem.line : 0);
  };
  std::stable_sort(problems.begin(), problems.end(),
                   [&](const Problem& a, const Problem& b) { return rank(a) < rank(b); });
}

}  // namespace

Loaded load_with_problems(const std::string& path, const Environment& environment) {
  Problems problems;
  SourceFiles files(environment, problems);
  files.read(path);
  ConfigBuilder builder(environment, problems);
  builder.add(files.entries());
  Config& config = builder.config();
  config.path = path;
  // A file that could not be read as meant would only draw more complaints.
  const bool readable = !problems.full() && !(files.entries().empty() && problems.has_errors());
  complete(config, builder.places());
  if (readable) check_all(config, builder.places(), problems);
  Loaded loaded;
  if (!problems.has_errors()) loaded.config = std::make_shared<const Config>(std::move(config));
  loaded.problems = problems.take();
  sort(loaded.problems);
  return loaded;
}

Result<std::shared_ptr<const Config>> load(const std::string& path,
                                           const Environment& environment) {
  Loaded loaded = load_with_problems(path, environment);
  if (loaded.config) return std::move(loaded.config);
  std::string message;
  for (const Problem& problem : loaded.problems) {
    if (problem.severity != Severity::kError) continue;
    if (!message.empty()) message += '\n';
    message += problem.text();
  }
  return Error{std::move(message)};
}

std::vector<Problem> check(const std::string& path, const Environment& environment) {
  return load_with_problems(path, environment).problems;
}

}  // namespace pgsaba::config
