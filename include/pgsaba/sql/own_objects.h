// OwnObjects: what a database has of its own (views, functions, operators, types, policies) that
// decides where a statement may run, though its text shows nothing but a name. Built from what
// somebody has read in the catalogue; immutable then, shared by any threads. Looking a name up
// allocates nothing.
//
// Names are compared without schemas, and in any case: which of several objects of one name is
// meant depends on the search_path of the session, so that the worst of them counts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pgsaba/sql/access.h"

namespace pgsaba::sql {

class AccessRules;

enum class OwnKind : std::uint8_t {
  kRelation,  // that runs code; text: what it is
  kSequence,
  kView,              // text: its query, with all names but PostgreSQL's own under their schema
  kPolicy,            // name: of the table; text: the expression, written likewise
  kType,              // with a function behind it that is not to be trusted; text: what
  kDomain,            // text: the expression that is checked
  kDomainColumn,      // name: a relation; text: the domain of one of its columns
  kRowFunction,       // not to be trusted, and callable as a column of a row
  kUntrusted,         // a function that is not to be trusted
  kTrusted,           // a function that a statement may call
  kOperator,          // whose function is not to be trusted
  kAnything,          // code that runs though nothing of it is named; text: what it is
  kVolatileFunction,  // one of PostgreSQL's own
};

struct OwnObject {
  OwnKind kind = OwnKind::kRelation;
  std::string name;
  std::string text = {};
};

struct OwnVerdict {
  Access access = Access::kOwnCode;
  std::string because;  // in the administrator's words
};

class OwnObjects {
 public:
  OwnObjects() = default;
  // `rules`: the administrator's lists, which hold inside of views, too.
  OwnObjects(std::span<const OwnObject> found, const AccessRules& rules);

  // Null: nothing speaks against it. Names as they stand in a text, without quotes around them.
  const OwnVerdict* name(std::string_view identifier) const { return names_.find(identifier); }
  // Of a call that would be harmless if it were PostgreSQL's own function.
  const OwnVerdict* function(std::string_view name) const { return functions_.find(name); }
  const OwnVerdict* operation(std::string_view symbol) const;
  // What speaks against all statements.
  const OwnVerdict* anything() const { return anything_.empty() ? nullptr : &anything_.front(); }
  bool trusts_function(std::string_view name) const { return trusted_.find(name) != nullptr; }
  // Functions of this server's own that are volatile, and not known to us as harmless.
  const std::vector<std::string>& unknown_built_in() const { return unknown_built_in_; }

  std::size_t size() const { return names_.size() + functions_.size() + operators_.size(); }
  std::uint64_t fingerprint() const { return fingerprint_; }

 private:
  // Identifiers in any case.
  class NameTable {
   public:
    // The stronger verdict stays. True: it says more than before.
    bool add(std::string_view name, OwnVerdict verdict);
    const OwnVerdict* find(std::string_view identifier) const {
      return entries_.empty() ? nullptr : look_up(identifier);
    }
    std::size_t size() const { return entries_.size(); }

   private:
    struct Entry {
      std::string name;  // as it would stand in a text
      OwnVerdict verdict;
    };
    const OwnVerdict* look_up(std::string_view identifier) const;
    std::size_t entry_of(std::string_view written) const;
    void place(std::size_t entry);

    std::vector<Entry> entries_;
    std::vector<std::uint32_t> slots_;  // entries from 1; a power of two, at most half full
    bool beyond_ascii_ = false;         // some name is, and encodings differ
  };

  void note(const OwnObject& object);
  bool judge_texts(std::span<const OwnObject> found, const AccessRules& rules);

  NameTable names_;
  NameTable functions_;
  NameTable trusted_;
  std::vector<std::pair<std::string, OwnVerdict>> operators_;
  std::vector<OwnVerdict> anything_;
  std::vector<std::string> unknown_built_in_;
  std::uint64_t fingerprint_ = 0;
};

}  // namespace pgsaba::sql
