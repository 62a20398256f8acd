// The lines of a pgbouncer.ini and of what it includes, in their order, as PgBouncer reads them
// (libusual's cfparser): comments only at the start of a line, values to the end of it.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "pgsaba/base/result.h"
#include "pgsaba/migration/migration.h"

namespace pgsaba::migration {

struct IniLine {
  std::string file;
  int line = 0;
  std::string section;
  std::string key;
  std::string value;

  std::string place() const;  // "pgbouncer.ini:12"
};

Result<std::vector<IniLine>> read_ini(const std::string& path, const ReadFile& read);

// The pairs of a connection string, as they stand in [databases] and [users].
Result<std::vector<std::pair<std::string, std::string>>> read_pairs(std::string_view text);

// `path` as a file in `base`'s directory means it.
std::string beside(const std::string& base, const std::string& path);

std::vector<std::string> split_list(std::string_view text);

}  // namespace pgsaba::migration
