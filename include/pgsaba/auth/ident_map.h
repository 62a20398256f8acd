// IdentMaps: which database users a name of the system (of a certificate, of a peer's process) may
// log in as, in the syntax of PostgreSQL's pg_ident.conf: map, system name, database user. A system
// name "/expression" is a regular expression, whose first group stands for \1 in the database user;
// a database user may be `all` or an expression, too, as in PostgreSQL 16.
//
// Built on one thread, then shared as const.
// Source: PostgreSQL, chapter 21.2.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pgsaba/auth/name_pattern.h"
#include "pgsaba/auth/rule_lines.h"

namespace pgsaba::auth {

struct IdentLine {
  std::string file;
  std::size_t line = 0;
  std::string map;
  std::string system_name;
  Pattern system_pattern = {};
  NamePattern user;
  std::string error = {};
};

class IdentMaps {
 public:
  static Result<IdentMaps> load(const std::string& path, const RuleFiles& files);

  const std::vector<IdentLine>& lines() const { return lines_; }
  std::optional<Error> first_error() const;

  // Without a map the two names have to be the same.
  bool allows(std::string_view map, std::string_view system_name, std::string_view user) const;

 private:
  std::vector<IdentLine> lines_;
};

}  // namespace pgsaba::auth
