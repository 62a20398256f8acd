// Prepared statements, shared by text: clients call them as they like ("a1" means something else in
// every client), servers know them by a name of ours. PreparedTable holds one value per text and
// parameter types for the whole process; ServerStatements is what one server connection knows.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
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
  PreparedStatement(std::uint32_t the_id, std::string the_rest)
      : id(the_id), rest(std::move(the_rest)) {}

  const std::uint32_t id;  // never 0
  const std::string rest;  // what follows the name in Parse: query text and parameter types
  // Raised when a server finds that what it has planned does not fit its tables any more: servers
  // that learned an older edition have to parse the text again.
  mutable std::atomic<std::uint32_t> edition{1};
  // What running it may leave in a session; bits of whoever parses it.
  mutable std::atomic<std::uint32_t> effects{0};
  // Where it may run: the strongest sql::Access that anybody who parsed it has found.
  mutable std::atomic<std::uint8_t> access{0};
  // The hint in its text; a sql::RouteHint.
  mutable std::atomic<std::uint8_t> hint{0};
  // By which rules and in which dialect it was read last; 0: not yet.
  mutable std::atomic<std::uint64_t> judged_by{0};

  std::string_view query() const { return {rest.data()}; }
};
using PreparedRef = std::shared_ptr<const PreparedStatement>;

// The name that servers know a statement by.
std::string server_statement_name(std::uint32_t id);

// What a client calls by name in SQL: PREPARE, EXECUTE, DEALLOCATE.
using StatementsByName = std::map<std::string, PreparedRef, std::less<>>;

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
  enum class Knowledge : std::uint8_t { kNone, kOutdated, kCurrent };
  Knowledge knows(const PreparedStatement& statement);  // and marks it as used
  bool holds(std::uint32_t id) const { return known_.contains(id); }
  void learn(std::uint32_t id, std::uint32_t edition) { known_[id] = {++clock_, edition}; }
  void forget(std::uint32_t id) { known_.erase(id); }
  void forget_all() { known_.clear(); }
  std::size_t size() const { return known_.size(); }
  // The statement to close before another is learned, once `limit` are known.
  std::optional<std::uint32_t> evict(std::size_t limit);

 private:
  struct Known {
    std::uint64_t last_use = 0;
    std::uint32_t edition = 0;
  };
  std::unordered_map<std::uint32_t, Known> known_;
  std::uint64_t clock_ = 0;
};

}  // namespace pgsaba::server
