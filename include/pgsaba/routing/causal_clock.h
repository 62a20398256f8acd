// CausalClock: keeps reads on standbys from going back in time. It numbers what happens in a
// cluster: the end of a transaction that may have written, and the beginning of each look at the
// primary's position, take the next number (an epoch). A standby that has replayed the position
// found by look n shows everything that ended before n was taken; it is then "fresh for n". So a
// read that has to see what ended with number e may go to a standby that is fresh for more than e:
// one comparison, no word with any server.
//
// One per cluster and process; any thread. Workers number the ends and compare; the one that looks
// (the control thread) says what is fresh. A worker may at any time declare that nothing is known
// of a standby any more (its connection broke: it may have been restarted, and have forgotten what
// it had replayed): an answer that was under way then counts for nothing.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "pgsaba/base/clock.h"
#include "pgsaba/routing/spill.h"

namespace pgsaba::routing {

using Epoch = std::uint64_t;

class CausalClock {
 public:
  // A cluster's further servers get no reads.
  static constexpr std::size_t kMaxServers = 32;

  // The last number taken: what ended so far has it or a smaller one.
  Epoch now() const { return last_.load(std::memory_order_acquire); }
  // Takes the next number.
  Epoch tick() { return last_.fetch_add(1, std::memory_order_acq_rel) + 1; }

  // 0: nothing is known of it.
  Epoch fresh_for(std::size_t server) const {
    return marks_[server].load(std::memory_order_acquire) & kEpochMask;
  }
  // To be read before a server is asked, and given back with what its answer proves.
  std::uint32_t life(std::size_t server) const {
    return static_cast<std::uint32_t>(marks_[server].load(std::memory_order_acquire) >> kLifeShift);
  }
  // False: the life has ended meanwhile, and nothing was noted.
  bool became_fresh(std::size_t server, std::uint32_t life, Epoch epoch);
  void forget(std::size_t server);
  void forget_all();

  // A read waits, or would wait, for a standby that is fresh for more than `epoch`. True: the one
  // who looks has to be told. Otherwise a look that serves has begun, or it was told already.
  bool want(Epoch epoch);
  // The one who looks takes the orders; the look that it begins now serves all of them.
  Epoch begin_look();
  // The primary could not be asked: whoever wants a look tells again.
  void look_failed();

  // How long a write is expected to take until some standby shows it.
  void expect_catch_up(Micros time) { catch_up_us_.store(time, std::memory_order_relaxed); }
  Micros catch_up_us() const { return catch_up_us_.load(std::memory_order_relaxed); }

  // Workers that have reads waiting, as bits; they are told of every progress.
  void set_waiting(std::size_t worker, bool waiting);
  std::uint64_t waiting_workers() const { return waiting_.load(std::memory_order_acquire); }

 private:
  static constexpr unsigned kLifeShift = 48;
  static constexpr std::uint64_t kEpochMask = (std::uint64_t{1} << kLifeShift) - 1;

  std::atomic<Epoch> last_{0};
  // The upper 16 bits number the lives, the rest is the epoch.
  std::array<std::atomic<std::uint64_t>, kMaxServers> marks_{};
  std::atomic<Epoch> looked_{0};  // the number of the last look
  std::atomic<bool> told_{false};
  std::atomic<std::uint64_t> waiting_{0};
  std::atomic<Micros> catch_up_us_{0};
};

// When a database was last written to.
class DatabaseClock {
 public:
  Epoch last_write() const { return last_.load(std::memory_order_acquire); }
  void wrote(Epoch epoch);

 private:
  std::atomic<Epoch> last_{0};
};

// The clocks of all clusters and their databases. Databases go by the name that servers know:
// several entries of the configuration may stand for the same one.
class CausalBook {
 public:
  std::shared_ptr<CausalClock> cluster(const std::string& name);
  std::shared_ptr<DatabaseClock> database(const std::string& cluster, const std::string& dbname);
  std::shared_ptr<Spill> spill(const std::string& cluster);
  // Others may have written to any database, up to now.
  void everything_written();

 private:
  CausalClock& clock(const std::string& name);

  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<CausalClock>> clusters_;
  std::map<std::pair<std::string, std::string>, std::shared_ptr<DatabaseClock>> databases_;
  std::map<std::string, std::shared_ptr<Spill>> spills_;
  bool others_wrote_ = false;  // before what is not in the book was looked up
};

}  // namespace pgsaba::routing
