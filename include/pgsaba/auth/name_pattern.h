// NamePattern: one entry of a rule's list of databases or users.
// A value that is read by any thread once made.
#pragma once

#include <memory>
#include <regex>
#include <string>
#include <string_view>

#include "pgsaba/auth/rule_lines.h"
#include "pgsaba/base/result.h"

namespace pgsaba::auth {

// Longer names meet no expression, and no rule of pg_hba.conf: the library's stack grows with them,
// and strangers choose them. PostgreSQL knows 63 bytes of a name.
inline constexpr std::size_t kMaxMatchedBytes = 127;

// As PostgreSQL's regular expressions: found anywhere in the name unless anchored. No references to
// groups, for which the library would try exponentially many ways.
using Pattern = std::shared_ptr<const std::regex>;
Result<Pattern> compile_pattern(std::string_view expression);
bool found_in(const Pattern& pattern, std::string_view name);

struct NamePattern {
  enum class Kind { kName, kPattern, kAll, kSameUser, kReplication };
  Kind kind = Kind::kName;
  std::string text;  // as written, without quotes
  Pattern pattern = {};

  static Result<NamePattern> of_database(const RuleToken& token);
  static Result<NamePattern> of_user(const RuleToken& token);
  // Ignores the kinds that depend on more than a name.
  bool names(std::string_view name) const;
};

}  // namespace pgsaba::auth
