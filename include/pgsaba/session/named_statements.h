// NamedStatements: what a client's own names of prepared statements mean. Names change when a Parse
// or Close is sent, not when it is answered; a change that an error skips is undone. Until its
// batch is answered, a later batch cannot know what the name means.
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
  explicit NamedStatements(server::PreparedTable& table) : table_(table) {}
  NamedStatements(const NamedStatements&) = delete;
  NamedStatements& operator=(const NamedStatements&) = delete;
  ~NamedStatements();

  // Null if the name means nothing.
  server::PreparedRef find(std::string_view name) const;
  // A batch that is not yet answered, and is not `batch`, changes the name.
  bool in_doubt(std::string_view name, std::uint64_t batch) const;
  // From here on the name means `after`; null: nothing. Returns the number to undo it by.
  std::uint32_t change(std::string_view name, server::PreparedRef after, std::uint64_t batch);
  void undo(std::uint32_t number);
  // All batches before this one are answered.
  void answered(std::uint64_t batch);
  void all_answered() { changes_.clear(); }
  // DEALLOCATE ALL was executed in this batch; what later ones do stands.
  void discard_all(std::uint64_t batch);
  // A name that the statement has, or had until a moment ago, for error messages.
  std::string name_of(std::uint32_t id) const;
  server::PreparedRef with_id(std::uint32_t id) const;
  std::size_t size() const { return by_name_.size(); }
  // Calls visit(name, statement) for each.
  template <class Visit>
  void visit(Visit visit) const {
    for (const auto& [name, statement] : by_name_) visit(name, *statement);
  }

 private:
  struct Change {
    std::uint32_t number = 0;
    std::uint64_t batch = 0;
    std::string name;
    server::PreparedRef before;
    server::PreparedRef after;
    bool undone = false;
  };
  using ByName = std::unordered_map<std::string, server::PreparedRef>;
  void assign(const std::string& name, const server::PreparedRef& statement);
  ByName::iterator forget(ByName::iterator at);

  server::PreparedTable& table_;  // counts them
  ByName by_name_;
  std::vector<Change> changes_;  // of batches not yet answered, in their order
  std::uint32_t next_number_ = 1;
};

}  // namespace pgsaba::session
