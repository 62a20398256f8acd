#include "pgsaba/server/server_statements.h"

namespace pgsaba::server {

ServerStatements::Knowledge ServerStatements::knows(const PreparedStatement& statement) {
  const auto found = known_.find(statement.id);
  if (found == known_.end()) return Knowledge::kNone;
  Known& known = found->second;
  by_use_.remove(known);
  by_use_.push_front(known);
  if (known.edition != statement.edition.load(std::memory_order_relaxed))
    return Knowledge::kOutdated;
  ++known.hits;
  return Knowledge::kCurrent;
}

void ServerStatements::learn(std::uint32_t id, std::uint32_t edition) {
  Known& known = known_.try_emplace(id).first->second;
  if (known.hook.linked()) by_use_.remove(known);
  by_use_.push_front(known);
  known.id = id;
  known.edition = edition;
}

void ServerStatements::forget(std::uint32_t id) {
  const auto found = known_.find(id);
  if (found == known_.end()) return;
  by_use_.remove(found->second);
  known_.erase(found);
}

void ServerStatements::forget_all() {
  while (!by_use_.empty()) by_use_.pop_front();
  known_.clear();
}

std::optional<std::uint32_t> ServerStatements::evict(std::size_t limit) {
  if (known_.size() < limit || known_.empty()) return std::nullopt;
  const std::uint32_t id = by_use_.back().id;
  forget(id);
  return id;
}

}  // namespace pgsaba::server
