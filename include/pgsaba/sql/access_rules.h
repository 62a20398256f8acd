// AccessRules: what the administrator, or somebody who read the catalogue, knows of functions and
// relations beyond the built-in list. Immutable: made once, then shared by any threads. Names are
// written as the catalogue has them: lower case unless they were created in quotes. Looking one up
// allocates nothing.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "pgsaba/sql/own_objects.h"

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
  // `objects`: of the database that the statements run in; null: nobody has looked.
  explicit AccessRules(Lists lists, std::shared_ptr<const OwnObjects> objects = nullptr);

  // The same for what the catalogue itself has as text: a name without a schema is PostgreSQL's own
  // there, and a function that is allowed without a schema is meant with any.
  AccessRules for_catalogue_texts(std::shared_ptr<const OwnObjects> objects) const;

  // Of what they say: tells whether something was judged by these rules or by others. Never 0,
  // which stands for no rules.
  std::uint64_t fingerprint() const { return fingerprint_; }

  // `schema` is empty for a call without one.
  bool allows_function(SqlName schema, SqlName name) const;
  bool denies_function(SqlName name) const;
  bool denies_relation(SqlName name) const;
  const OwnObjects* objects() const { return objects_.get(); }
  bool for_catalogue_texts() const { return for_catalogue_texts_; }

 private:
  Lists lists_;  // sorted
  std::shared_ptr<const OwnObjects> objects_;
  bool for_catalogue_texts_ = false;
  std::uint64_t fingerprint_ = 0;
};

}  // namespace pgsaba::sql
