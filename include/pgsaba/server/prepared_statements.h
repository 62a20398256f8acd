// Prepared statements, shared by text: clients call them as they like ("a1" means something else in
// every client), servers know them by a name of ours. PreparedTable holds one value per text and
// parameter types for the whole process; ServerStatements is what one server connection knows.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace pgsaba::server {

inline constexpr std::string_view kStatementPrefix = "_pgsaba_";
inline constexpr std::string_view kScratchStatement = "_pgsaba_scratch";

struct PreparedStatement {
  std::uint32_t id = 0;  // never 0
  std::string rest;      // what follows the name in Parse: query text and parameter types

  std::string_view query() const { return {rest.data()}; }
};
using PreparedRef = std::shared_ptr<const PreparedStatement>;

// The name that servers know a statement by.
std::string server_statement_name(std::uint32_t id);

// Any thread; touched when a statement is parsed, never when it runs.
class PreparedTable {
 public:
  PreparedRef intern(std::string_view rest);
  std::size_t size() const;

 private:
  void forget_unused();

  mutable std::mutex mutex_;
  std::unordered_map<std::string_view, PreparedRef> table_;  // keys point into the values
  std::uint32_t next_id_ = 1;
  std::size_t forget_at_ = 1'024;
};

// Least recently used first out. Owned by one server connection.
class ServerStatements {
 public:
  bool knows(std::uint32_t id);  // and marks it as used
  bool holds(std::uint32_t id) const { return last_use_.contains(id); }
  void learn(std::uint32_t id) { last_use_[id] = ++clock_; }
  void forget(std::uint32_t id) { last_use_.erase(id); }
  void forget_all() { last_use_.clear(); }
  std::size_t size() const { return last_use_.size(); }
  // The statement to close before another is learned, once `limit` are known.
  std::optional<std::uint32_t> evict(std::size_t limit);

 private:
  std::unordered_map<std::uint32_t, std::uint64_t> last_use_;
  std::uint64_t clock_ = 0;
};

}  // namespace pgsaba::server
