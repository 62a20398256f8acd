#include "pgsaba/server/prepared_statements.h"

#include <algorithm>

namespace pgsaba::server {

std::string server_statement_name(std::uint32_t id) {
  return std::string(kStatementPrefix) + std::to_string(id);
}

PreparedRef PreparedTable::intern(std::string_view rest) {
  const std::lock_guard lock(mutex_);
  const auto found = table_.find(rest);
  if (found != table_.end()) return found->second;
  if (table_.size() >= forget_at_) forget_unused();
  auto statement = std::make_shared<const PreparedStatement>(next_id_++, std::string(rest));
  table_.emplace(statement->rest, statement);
  return statement;
}

std::size_t PreparedTable::size() const {
  const std::lock_guard lock(mutex_);
  return table_.size();
}

void PreparedTable::forget_unused() {
  std::erase_if(table_, [](const auto& entry) { return entry.second.use_count() == 1; });
  forget_at_ = std::max<std::size_t>(1'024, table_.size() * 2);
}

ServerStatements::Knowledge ServerStatements::knows(const PreparedStatement& statement) {
  const auto found = known_.find(statement.id);
  if (found == known_.end()) return Knowledge::kNone;
  found->second.last_use = ++clock_;
  const std::uint32_t newest = statement.edition.load(std::memory_order_relaxed);
  return found->second.edition == newest ? Knowledge::kCurrent : Knowledge::kOutdated;
}

std::optional<std::uint32_t> ServerStatements::evict(std::size_t limit) {
  if (known_.size() < limit || known_.empty()) return std::nullopt;
  const auto oldest =
      std::ranges::min_element(known_, {}, [](const auto& entry) { return entry.second.last_use; });
  const std::uint32_t id = oldest->first;
  known_.erase(oldest);
  return id;
}

}  // namespace pgsaba::server
