// The scripts that PostgreSQL is installed with: its views, information_schema, its extensions.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>

#include "oracle/parser.h"
#include "oracle/script_text.h"

using namespace pgsaba;
namespace fs = std::filesystem;

namespace {

// Where Debian, Red Hat's packages and a build from source put them.
constexpr const char* kPlaces[] = {"/usr/share/postgresql", "/usr/share/pgsql",
                                   "/usr/local/share/postgresql"};

std::vector<fs::path> scripts() {
  std::vector<fs::path> files;
  for (const fs::path place : kPlaces)
    if (fs::exists(place))
      for (const auto& entry : fs::recursive_directory_iterator(place))
        if (entry.path().extension() == ".sql") files.push_back(entry.path());
  std::ranges::sort(files);
  return files;
}

// The query of a view is a text of its own.
std::string query_of(const std::string& statement) {
  const std::size_t begin = std::min(statement.find("SELECT"), statement.find("select"));
  return begin == std::string::npos ? "" : statement.substr(begin);
}

}  // namespace

TEST_CASE("we miss nothing in the scripts that are installed") {
  const auto files = scripts();
  if (files.empty()) {
    MESSAGE("no script of PostgreSQL is installed: nothing was read");
    return;
  }
  oracle::Counts counts;
  for (const fs::path& file : files) {
    CAPTURE(file.string());
    for (const std::string& statement : oracle::statements_of(oracle::text_of_script(file))) {
      oracle::compare(statement, &counts);
      if (const std::string query = query_of(statement); !query.empty())
        oracle::compare(query, &counts);
    }
  }
  MESSAGE(files.size(), " scripts below ", files.front().parent_path().string(), ": ",
          counts.accepted, " texts; of ", counts.reads, " reads ", counts.refused,
          " are sent to the primary");
  CHECK(counts.accepted > 1000);
  CHECK(counts.reads > 50);
  CHECK(counts.refused * 20 < counts.reads);
}
