// Definitions: whether what is known of a database's own objects (sql::OwnObjects) is still true.
// Each transaction through this process that may have defined something counts; what somebody has
// read in the catalogue covers the definitions counted before he began to read. One per database
// and process; any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "pgsaba/sql/access_rules.h"

namespace pgsaba::routing {

class Definitions {
 public:
  std::uint64_t count() const { return count_.load(std::memory_order_acquire); }
  void changed() { count_.fetch_add(1, std::memory_order_acq_rel); }

  // Reads are judged by what is known: it is worth keeping.
  void use() {
    if (!used_.load(std::memory_order_relaxed)) used_.store(true, std::memory_order_relaxed);
  }
  bool take_used() { return used_.exchange(false, std::memory_order_relaxed); }

  // A look is needed. True: the one who looks has to be told; otherwise he was already, or his look
  // is under way.
  bool want() {
    if (looking_.load(std::memory_order_acquire) == count() + 1) return false;
    return !told_.exchange(true, std::memory_order_acq_rel);
  }
  // What the look will cover that begins now.
  std::uint64_t begin_look() {
    told_.store(false, std::memory_order_release);
    const std::uint64_t covers = count();
    looking_.store(covers + 1, std::memory_order_release);
    return covers;
  }
  // Nobody will look before he is told anew.
  void drop_want() { told_.store(false, std::memory_order_release); }
  void end_look() { looking_.store(0, std::memory_order_release); }

 private:
  std::atomic<std::uint64_t> count_{0};
  std::atomic<bool> used_{false};
  std::atomic<bool> told_{false};
  std::atomic<std::uint64_t> looking_{0};  // what the look under way covers, and 1
};

// What is known of a database.
struct Catalogue {
  std::shared_ptr<const sql::AccessRules> rules;  // never null
  std::uint64_t covers = 0;                       // Definitions::count
  bool reads_sequences = false;  // functions, views or rules ask currval or lastval
  std::shared_ptr<const Definitions> definitions = nullptr;

  // Nothing was defined since.
  bool is_current() const { return !definitions || covers == definitions->count(); }
};

struct DatabaseName {
  std::string cluster;
  std::string dbname;  // as servers know it

  auto operator<=>(const DatabaseName&) const = default;  // NOLINT(modernize-use-nullptr)
};

class DefinitionsBook {
 public:
  std::shared_ptr<Definitions> of(const DatabaseName& database);
  // Others may have defined something in any database, up to now.
  void everything_changed();

 private:
  std::mutex mutex_;
  std::map<DatabaseName, std::shared_ptr<Definitions>> databases_;
};

}  // namespace pgsaba::routing
