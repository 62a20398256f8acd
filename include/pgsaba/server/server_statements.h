// ServerStatements: the prepared statements that one server connection knows under names of ours.
// Least recently used first out, in constant time. Owned by one server connection.
#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>

#include "pgsaba/base/intrusive_list.h"
#include "pgsaba/server/prepared_statements.h"

namespace pgsaba::server {

class ServerStatements {
 public:
  enum class Knowledge : std::uint8_t { kNone, kOutdated, kCurrent };
  Knowledge knows(const PreparedStatement& statement);  // and marks it as used
  bool holds(std::uint32_t id) const { return known_.contains(id); }
  void learn(std::uint32_t id, std::uint32_t edition);
  void forget(std::uint32_t id);
  void forget_all();
  std::size_t size() const { return known_.size(); }
  // The statement to close before another is learned, once `limit` are known.
  std::optional<std::uint32_t> evict(std::size_t limit);
  // Calls visit(id, hits): how often it was asked for and was there.
  template <class Visit>
  void for_each(Visit visit) const {
    for (const auto& [id, known] : known_) visit(id, known.hits);
  }

 private:
  struct Known {
    ListHook hook;
    std::uint32_t id = 0;
    std::uint32_t edition = 0;
    std::uint64_t hits = 0;
  };
  std::unordered_map<std::uint32_t, Known> known_;
  IntrusiveList<Known, &Known::hook> by_use_;  // the one used last in front
};

}  // namespace pgsaba::server
