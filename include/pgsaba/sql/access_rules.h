// AccessRules: what the administrator, or somebody who read the catalogue, knows of functions and
// relations beyond the built-in list. Immutable: made once, then shared by any threads. Names are
// written as the catalogue has them: lower case unless they were created in quotes. Looking one up
// allocates nothing.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace pgsaba::sql {

// A name in the text of a query, without its quotes.
struct SqlName {
  std::string_view text;
  bool quoted = false;
};

class AccessRules {
 public:
  struct Function {
    std::string schema;  // empty: called without a schema; "s": called as s.name
    std::string name;
  };
  struct Lists {
    std::vector<Function> allowed_functions;    // beyond the built-in list
    std::vector<std::string> denied_functions;  // in any schema, even if the built-in list has it
    std::vector<std::string>
        denied_relations;  // in any schema; any column of that name counts, too
  };
  explicit AccessRules(Lists lists);

  // Of what they say: tells whether something was judged by these rules or by others. Never 0,
  // which stands for no rules.
  std::uint64_t fingerprint() const { return fingerprint_; }

  // `schema` is empty for a call without one.
  bool allows_function(SqlName schema, SqlName name) const;
  bool denies_function(SqlName name) const;
  bool denies_relation(SqlName name) const;

 private:
  Lists lists_;  // sorted
  std::uint64_t fingerprint_ = 0;
};

}  // namespace pgsaba::sql
