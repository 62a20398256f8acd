// PreparedTable: all prepared statements of the process, and the memory that they and the clients'
// names for them take. A text that no client has a name for stays as long as there is room, so that
// the next client finds it where servers know it already; a text that somebody uses is never
// forgotten, so once all memory is in use a new one is refused.
// Any thread; touched when a statement is parsed or closed, never when it runs. Outlives its refs.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "pgsaba/base/intrusive_list.h"
#include "pgsaba/server/prepared_statements.h"

namespace pgsaba::server {

struct PreparedMemory {
  std::size_t texts = 0;
  std::size_t unused_texts = 0;  // of these
  std::size_t text_bytes = 0;
  std::size_t names = 0;
  std::size_t name_bytes = 0;
  std::size_t refused = 0;  // statements, so far
  std::size_t bytes() const { return text_bytes + name_bytes; }
};

class PreparedTable {
 public:
  PreparedTable() = default;
  PreparedTable(const PreparedTable&) = delete;
  PreparedTable& operator=(const PreparedTable&) = delete;

  // How many bytes all of it may take; 0: no limit. What is in use already stays.
  void limit(std::size_t bytes);
  std::size_t limit() const { return limit_.load(std::memory_order_relaxed); }

  // Null: there is no room for it and the client's name for it.
  PreparedRef intern(std::string_view rest, std::string_view name = {});
  // A client's name means the statement from now on, or no more.
  void hold(std::string_view name, const PreparedStatement& statement);
  void drop(std::string_view name, const PreparedStatement& statement);

  std::size_t size() const;
  PreparedMemory memory() const;
  // Calls visit(statement, bytes) for at most `most` statements, those parsed last first. The table
  // is locked meanwhile.
  template <class Visit>
  void visit_latest(std::size_t most, Visit visit) {
    const std::lock_guard lock(mutex_);
    for (Entry* entry = by_parse_.first(); entry != nullptr && most-- > 0;
         entry = by_parse_.next(*entry))
      visit(static_cast<const PreparedStatement&>(*entry), entry->bytes());
  }

 private:
  struct Entry : PreparedStatement {
    using PreparedStatement::PreparedStatement;
    std::size_t bytes() const;

    ListHook parse_hook;
    ListHook unused_hook;
    std::weak_ptr<const PreparedStatement> ref;
    std::uint32_t refs_made = 0;  // and not yet ended
  };

  PreparedRef intern_known(Entry& entry, std::size_t beside);
  PreparedRef intern_new(std::string_view rest, std::size_t beside);
  bool make_room(std::size_t bytes);
  void forget(Entry& entry);
  PreparedRef refer(Entry& entry);
  void ref_ended(Entry& entry);
  static std::size_t name_bytes(std::string_view name);

  mutable std::mutex mutex_;
  std::unordered_map<std::string_view, std::unique_ptr<Entry>>
      table_;                                          // keys point into the values
  IntrusiveList<Entry, &Entry::parse_hook> by_parse_;  // the one parsed last in front
  IntrusiveList<Entry, &Entry::unused_hook> unused_;   // the one used last in front
  std::uint32_t next_id_ = 1;
  std::size_t text_bytes_ = 0;
  std::size_t refused_ = 0;
  std::atomic<std::size_t> limit_{0};
  std::atomic<std::size_t> names_{0};
  std::atomic<std::size_t> name_bytes_{0};
};

}  // namespace pgsaba::server
