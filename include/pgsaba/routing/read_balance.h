// ReadBalance: which standby of a cluster gets the next read. Knows which standbys are fit, how
// many reads each has from this worker, and how long reads there take; whether a standby shows what
// the read has to see, it asks the CausalClock. Pure; owned by one worker.
//
// A standby is fit while it streams on the primary's timeline and its lag is within the limit; one
// that fell behind is fit again only at half of the limit, so that it does not flutter. Whoever
// becomes fit begins with a small share of the reads, for its caches are cold.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "pgsaba/base/clock.h"
#include "pgsaba/routing/causal_clock.h"
#include "pgsaba/routing/topology.h"

namespace pgsaba::routing {

// What a read has to see, and what the session has seen last.
struct ReadNeeds {
  static constexpr std::uint32_t kNowhere = ~std::uint32_t{0};

  Epoch written = 0;  // everything that ended with this number
  Epoch seen = 0;     // unless it goes to `seen_at` again: everything up to this number
  std::uint32_t seen_at = kNowhere;
  std::uint32_t seen_life = 0;  // of that server: in another one it may have forgotten

  Epoch at(std::size_t server, std::uint32_t life) const {
    const bool same = server == seen_at && life == seen_life;
    return same || seen < written ? written : seen;
  }
};

// Whether a server may get reads. `fit_before`: it might, so far; without a limit (0) no lag is too
// long. While the primary does not answer, nobody streams from it; what standbys have is the latest
// that is known.
bool fit_for_reads(const TopologyCluster& cluster, const TopologyServer& server, Micros max_lag,
                   bool fit_before);

class ReadBalance {
 public:
  static constexpr Micros kWarmUpUs = 10 * kSecond;
  static constexpr int kColdShare = 10;  // of 100, at first

  // After each new picture. `weights` in the order of the servers; 0 lag limit: none.
  void update(const TopologyCluster& cluster, const std::vector<std::int32_t>& weights,
              Micros max_lag, Micros now);

  // Now and then: standbys warm up, and those that were not read for a while are tried again.
  void tick(Micros now);

  // Without, reads may be all that can be served.
  bool primary_answers() const { return primary_answers_; }
  bool any_fit() const { return fit_count_ > 0; }
  bool fit(std::size_t server) const { return server < CausalClock::kMaxServers && at(server).fit; }

  // The least loaded of those that are fit and fresh enough; without a clock all are.
  std::optional<std::size_t> pick(const CausalClock* clock, const ReadNeeds& needs);

  // What the standby has to be fresh for at least that will serve such a read.
  Epoch least_need(const CausalClock& clock, const ReadNeeds& needs) const;

  void began(std::size_t server) { ++at(server).in_flight; }
  void ended(std::size_t server, Micros took);
  void gave_up(std::size_t server) { at(server).in_flight -= at(server).in_flight > 0 ? 1 : 0; }
  std::uint32_t in_flight(std::size_t server) const { return at(server).in_flight; }

 private:
  struct Standby {
    bool fit = false;
    Micros fit_since = 0;
    std::int32_t weight = 1;
    std::uint32_t in_flight = 0;
    bool read = false;     // since the last update
    float latency_us = 0;  // smoothed; 0: not known
    float share = 0;       // weight, less while it warms up
  };

  Standby& at(std::size_t server) { return standbys_[server]; }
  const Standby& at(std::size_t server) const { return standbys_[server]; }
  void settle_shares(Micros now);
  void forget_latencies(Micros now);

  std::array<Standby, CausalClock::kMaxServers> standbys_{};
  std::size_t count_ = 0;
  std::size_t fit_count_ = 0;
  bool primary_answers_ = false;
  Micros updated_at_ = 0;
  std::size_t first_ = 0;  // who is looked at first, so that equals take turns
};

}  // namespace pgsaba::routing
