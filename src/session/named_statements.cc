#include "pgsaba/session/named_statements.h"

#include <algorithm>
#include <set>
#include <utility>

namespace pgsaba::session {

server::PreparedRef NamedStatements::find(std::string_view name) const {
  const auto found = by_name_.find(std::string(name));
  return found == by_name_.end() ? nullptr : found->second;
}

bool NamedStatements::in_doubt(std::string_view name, std::uint64_t batch) const {
  return std::ranges::any_of(changes_, [&](const Change& change) {
    return !change.undone && change.batch != batch && change.name == name;
  });
}

NamedStatements::~NamedStatements() {
  for (auto at = by_name_.begin(); at != by_name_.end();) at = forget(at);
}

NamedStatements::ByName::iterator NamedStatements::forget(ByName::iterator at) {
  table_.drop(at->first, *at->second);
  return by_name_.erase(at);
}

void NamedStatements::assign(const std::string& name, const server::PreparedRef& statement) {
  if (const auto old = by_name_.find(name); old != by_name_.end()) forget(old);
  if (!statement) return;
  by_name_.emplace(name, statement);
  table_.hold(name, *statement);
}

std::uint32_t NamedStatements::change(std::string_view name, server::PreparedRef after,
                                      std::uint64_t batch) {
  const std::string key(name);
  changes_.push_back({next_number_++, batch, key, find(name), after});
  if (next_number_ == 0) next_number_ = 1;  // 0 means none
  assign(key, after);
  return changes_.back().number;
}

// The ledger undoes the changes of a batch from the last to the first.
void NamedStatements::undo(std::uint32_t number) {
  const auto change = std::ranges::find(changes_, number, &Change::number);
  if (change == changes_.end() || std::exchange(change->undone, true)) return;
  assign(change->name, change->before);
}

void NamedStatements::answered(std::uint64_t batch) {
  std::erase_if(changes_, [batch](const Change& change) { return change.batch < batch; });
}

void NamedStatements::discard_all(std::uint64_t batch) {
  std::erase_if(changes_, [batch](const Change& change) { return change.batch <= batch; });
  std::set<std::string_view> changed_later;
  for (Change& change : changes_)
    if (!change.undone && changed_later.insert(change.name).second) change.before = nullptr;
  for (auto at = by_name_.begin(); at != by_name_.end();)
    at = changed_later.contains(at->first) ? std::next(at) : forget(at);
}

server::PreparedRef NamedStatements::with_id(std::uint32_t id) const {
  for (const auto& [name, statement] : by_name_)
    if (statement->id == id) return statement;
  return nullptr;
}

std::string NamedStatements::name_of(std::uint32_t id) const {
  const auto is_it = [id](const server::PreparedRef& one) { return one && one->id == id; };
  for (const auto& [name, statement] : by_name_)
    if (is_it(statement)) return name;
  for (const Change& change : changes_)
    if (is_it(change.before) || is_it(change.after)) return change.name;
  return {};
}

}  // namespace pgsaba::session
