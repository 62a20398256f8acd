#include "pgsaba/session/named_statements.h"

#include <algorithm>
#include <set>
#include <utility>

namespace pgsaba::session {

const NamedStatements::Meaning* NamedStatements::find(std::string_view name) const {
  const auto found = by_name_.find(std::string(name));
  return found == by_name_.end() ? nullptr : &found->second;
}

bool NamedStatements::in_doubt(std::string_view name, std::uint64_t batch) const {
  return std::ranges::any_of(changes_, [&](const Change& change) {
    return !change.undone && change.batch != batch && change.name == name;
  });
}

bool NamedStatements::concerns(std::string_view name) const {
  return find(name) != nullptr || std::ranges::any_of(changes_, [&](const Change& change) {
           return !change.undone && change.name == name;
         });
}

NamedStatements::~NamedStatements() {
  for (auto at = by_name_.begin(); at != by_name_.end();) at = forget(at);
}

NamedStatements::ByName::iterator NamedStatements::forget(ByName::iterator at) {
  table_.drop(at->first, *at->second.statement);
  if (at->second.by_sql) by_sql_.erase(at->first);
  return by_name_.erase(at);
}

void NamedStatements::assign(const std::string& name, Meaning meaning) {
  if (const auto old = by_name_.find(name); old != by_name_.end()) forget(old);
  if (!meaning.statement) return;
  table_.hold(name, *meaning.statement);
  if (meaning.by_sql) by_sql_.emplace(name, meaning.statement);
  by_name_.emplace(name, std::move(meaning));
}

std::uint32_t NamedStatements::next_number() {
  if (++last_number_ == 0) ++last_number_;  // 0 means none
  return last_number_;
}

std::uint32_t NamedStatements::change(std::string_view name, server::PreparedRef after,
                                      std::uint64_t batch) {
  const std::string key(name);
  const std::uint32_t number = next_number();
  const Meaning* before = find(name);
  changes_.push_back({number, batch, key, before != nullptr ? *before : Meaning{}});
  assign(key, {std::move(after), number});
  return number;
}

void NamedStatements::set(std::string_view name, server::PreparedRef statement, bool by_sql) {
  assign(std::string(name), {std::move(statement), next_number(), by_sql});
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
    if (!change.undone && changed_later.insert(change.name).second) change.before = {};
  for (auto at = by_name_.begin(); at != by_name_.end();)
    at = changed_later.contains(at->first) ? std::next(at) : forget(at);
}

server::PreparedRef NamedStatements::with_id(std::uint32_t id) const {
  for (const auto& [name, meaning] : by_name_)
    if (meaning.statement->id == id) return meaning.statement;
  return nullptr;
}

std::string NamedStatements::name_of(std::uint32_t number) const {
  for (const auto& [name, meaning] : by_name_)
    if (meaning.number == number) return name;
  for (const Change& change : changes_)
    if (change.number == number || change.before.number == number) return change.name;
  return {};
}

}  // namespace pgsaba::session
