// From the configuration of another pooler, or of an application that splits its reads itself, to
// one of pgsaba's that means the same. Every line is taken over, or named in a comment that says
// why not. Pure: files are read through what is handed in. Any thread.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pgsaba/base/result.h"

namespace pgsaba::migration {

using ReadFile = std::function<Result<std::string>(const std::string& path)>;

struct Migrated {
  std::string yaml;
  // Users with plain passwords, for auth.file; empty if the YAML names a file that there is.
  std::string userlist;
  // What has to be looked at before it can serve.
  std::vector<std::string> warnings;
};

Result<Migrated> from_pgbouncer(const std::string& path, const ReadFile& read);
// Of Rails or Makara: the databases of one environment ("production").
Result<Migrated> from_database_yml(const std::string& path, const ReadFile& read,
                                   const std::string& environment);
Result<Migrated> from_pgpool(const std::string& path, const ReadFile& read);

// One setting of PgBouncer's and what becomes of it.
struct Counterpart {
  std::string_view name;
  std::string_view initial;  // PgBouncer's default, as it would be written
  std::string_view target;   // "timeouts.query_wait"; empty: it has none of its own
  std::string_view remark;   // what serves instead, or why nothing does
};
std::span<const Counterpart> pgbouncer_settings();

}  // namespace pgsaba::migration
