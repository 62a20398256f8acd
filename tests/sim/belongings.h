// Belongings: what a simulated session has that lives in its server alone, or comes from others:
// temporary tables, advisory locks, the channels it listens to, and notifications. Tables, channels
// and what it notifies belong to transactions, as in PostgreSQL; locks do not. A value with rules;
// owned by a ModelSession.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

namespace pgsaba::sim {

struct Notification {
  std::string channel;
  std::string payload;
};

class Belongings {
 public:
  // False: there is such a table already, or none.
  bool create_table(const std::string& name) { return now_.tables.insert(name).second; }
  bool drop_table(const std::string& name) { return now_.tables.erase(name) > 0; }
  bool has_table(const std::string& name) const { return now_.tables.contains(name); }

  void lock(const std::string& key) { ++locks_[key]; }
  bool unlock(const std::string& key);  // false: it had none

  void listen(const std::string& channel) { now_.channels.insert(channel); }
  void unlisten(const std::string& channel);  // "*": all
  void notify(Notification one) { now_.notifies.push_back(std::move(one)); }

  // What its transactions have notified so far, once they were committed, is returned.
  std::vector<Notification> commit();
  void roll_back() { now_ = kept_; }
  void discard();

  const std::set<std::string>& channels() const { return kept_.channels; }  // in force
  bool has_tables() const { return !now_.tables.empty(); }
  bool has_locks() const { return !locks_.empty(); }
  bool empty() const { return !has_tables() && !has_locks() && now_.channels.empty(); }

 private:
  struct State {
    std::set<std::string> tables;
    std::set<std::string> channels;
    std::vector<Notification> notifies;
  };
  State now_;
  State kept_;  // what a rollback returns to
  std::map<std::string, int> locks_;
};

}  // namespace pgsaba::sim
