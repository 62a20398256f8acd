// Judge: what a run has found out so far, and the findings against pgsaba. Simulated clients and
// back ends report to it. One thread; one per run.
#pragma once

#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "pgsaba/base/clock.h"
#include "sim/belongings.h"

namespace pgsaba::sim {

class Judge {
 public:
  // Longer no cancel request is under way, whatever it waits for.
  static constexpr Micros kMostUnderWay = 50 * kMillisecond;

  explicit Judge(const Micros& now) : now_(now) {}

  void accuse(std::string what) {
    if (findings_.size() < 10)
      findings_.push_back("at " + std::to_string(now_) + " us: " + std::move(what));
  }
  const std::vector<std::string>& findings() const { return findings_; }

  // Something happened for this client: it sends, is served, or hears something.
  void progress(int client) { progress_[client] = now_; }
  Micros last_progress(int client) const {
    const auto found = progress_.find(client);
    return found == progress_.end() ? now_ : found->second;
  }

  // A cancel request hits a statement of whoever has just asked for it, once, and goes to no server
  // that somebody else has.
  void cancel_sent(int client) {
    cancels_[client].push_back(now_);
    asked_[client] = now_;
    ++unanswered_[client];
  }
  bool has_asked(int client) const {
    const auto last = asked_.find(client);
    return last != asked_.end() && now_ - last->second <= kMostUnderWay;
  }
  void cancel_hit(int client, const std::string& run) {
    cancelled_.insert(run);
    ++cancels_hit;
    std::deque<Micros>& open = cancels_[client];
    std::erase_if(open, [this](Micros sent) { return now_ - sent > kMostUnderWay; });
    if (open.empty()) return accuse("cancel hit " + run + " of a client that did not ask for it");
    open.pop_front();
    --unanswered_[client];
  }
  // It was answered before a server had the statement; the client may read that much later.
  bool takes_answer(int client) { return unanswered_[client]-- > 0; }
  bool was_cancelled(const std::string& run) const { return cancelled_.contains(run); }

  // What was notified, by channel, in the order of commits.
  void notified(const Notification& one) { notified_[one.channel].push_back(one.payload); }
  const std::vector<std::string>& notified_on(const std::string& channel) {
    return notified_[channel];
  }

  // The death of one back end can be felt by one client at most.
  void back_end_died() { ++deaths; }
  void felt_death(int client) {
    if (!bereaved_.insert(client).second) return;
    if (bereaved_.size() > deaths)
      accuse("client " + std::to_string(client) + " lost a server that did not die");
  }

  std::size_t deaths = 0;
  bool reconnected = false;  // also the server that listens for all
  std::size_t cancels_hit = 0;
  std::size_t own_cancelled = 0;  // queries of pgsaba's
  std::size_t runs = 0;           // statements executed by back ends
  std::size_t transactions = 0;   // ended, as clients saw them
  std::size_t refused = 0;        // batches refused after query_wait
  std::size_t pins_refused = 0;   // statements that would have kept a server
  std::size_t heard = 0;          // notifications
  std::size_t given_up = 0;       // clients whose answers are not compared any more

 private:
  const Micros& now_;
  std::vector<std::string> findings_;
  std::map<int, Micros> progress_;
  std::map<int, std::deque<Micros>> cancels_;  // that have hit nothing yet
  std::map<int, Micros> asked_;                // last
  std::map<int, int> unanswered_;
  std::set<std::string> cancelled_;
  std::set<int> bereaved_;
  std::map<std::string, std::vector<std::string>> notified_;
};

}  // namespace pgsaba::sim
