// NamedStatements: what a client's own names of prepared statements mean, whether they were given
// by protocol or by SQL: to PostgreSQL, names are names. By protocol they change when a Parse or
// Close is sent, not when it is answered; a change that an error skips is undone. Until its batch
// is answered, a later batch cannot know what the name means.
// Owned by one client's session; only clients that name statements have one.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "pgsaba/server/prepared_table.h"

namespace pgsaba::session {

class NamedStatements {
 public:
  struct Meaning {
    server::PreparedRef statement;
    std::uint32_t number = 0;  // of the change that gave it; errors are told by it (name_of)
    bool by_sql = false;
  };

  explicit NamedStatements(server::PreparedTable& table) : table_(table) {}
  NamedStatements(const NamedStatements&) = delete;
  NamedStatements& operator=(const NamedStatements&) = delete;
  ~NamedStatements();

  // Null if the name means nothing. Good until a name changes.
  const Meaning* find(std::string_view name) const;
  // A batch that is not yet answered, and is not `batch`, changes the name.
  bool in_doubt(std::string_view name, std::uint64_t batch) const;
  // The name means something, or did until a change that may yet be undone.
  bool concerns(std::string_view name) const;
  // From here on the name means `after`; null: nothing. Returns the number to undo it by.
  std::uint32_t change(std::string_view name, server::PreparedRef after, std::uint64_t batch);
  void undo(std::uint32_t number);
  // All batches before this one are answered.
  void answered(std::uint64_t batch);
  void all_answered() { changes_.clear(); }
  // For certain: nothing is outstanding that concerns it.
  void set(std::string_view name, server::PreparedRef statement, bool by_sql);
  void forget(std::string_view name) { assign(std::string(name), {}); }
  // DEALLOCATE ALL was executed in this batch; what later ones do stands.
  void discard_all(std::uint64_t batch);
  // The name that was given, or taken, by that change.
  std::string name_of(std::uint32_t number) const;
  server::PreparedRef with_id(std::uint32_t id) const;
  std::size_t size() const { return by_name_.size(); }
  // Those that were given by SQL.
  const server::StatementsByName& by_sql() const { return by_sql_; }
  // Calls visit(name, meaning) for each.
  template <class Visit>
  void visit(Visit visit) const {
    for (const auto& [name, meaning] : by_name_) visit(name, meaning);
  }

 private:
  struct Change {
    std::uint32_t number = 0;
    std::uint64_t batch = 0;
    std::string name;
    Meaning before;
    bool undone = false;
  };
  using ByName = std::unordered_map<std::string, Meaning>;
  std::uint32_t next_number();
  void assign(const std::string& name, Meaning meaning);
  ByName::iterator forget(ByName::iterator at);

  server::PreparedTable& table_;  // counts them
  ByName by_name_;
  server::StatementsByName by_sql_;  // of these
  std::vector<Change> changes_;      // of batches not yet answered, in their order
  std::uint32_t last_number_ = 0;
};

}  // namespace pgsaba::session
