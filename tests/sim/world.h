// World: whole workers on a simulated network, with simulated clients in front and a simulated
// PostgreSQL behind, one virtual clock and one seed. `run` plays it to its end and returns what the
// judge has found. One thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "pgsaba/config/config.h"
#include "pgsaba/worker/worker.h"
#include "sim/back_end.h"
#include "sim/judge.h"
#include "sim/sim_client.h"
#include "sim/sim_kernel.h"

namespace pgsaba::sim {

// What a reload may change.
struct PoolSettings {
  config::PoolMode mode = config::PoolMode::kTransaction;
  int size = 4;
  int max_prepared_statements = 8;
  int max_pinned_servers = 2;
  Micros server_lifetime_us = 3600 * kSecond;
};

struct Scenario {
  std::uint64_t seed = 1;
  std::size_t workers = 1;
  int clients = 10;
  PoolSettings pool;
  Micros query_wait_us = 20 * kSecond;
  Micros starting_us = 0;        // the back end refuses so long
  int kills = 0;                 // of back end processes, at random times
  int reloads = 0;               // to other settings of the pool, or PAUSE and RESUME, or RECONNECT
  bool session_pooling = false;  // some of the reloads change the mode of the pool
  Micros busy_us = 300'000;      // about how long the clients work: when the kills come
  Micros turn_cost_us = 20;      // the longest turn of a worker
  // If not 0: every turn costs turn_cost_us and this much for each event, and the network is even.
  Micros event_cost_us = 0;
  ClientHabits client;
  WorkloadHabits workload;

  // A scenario of which everything is chosen by the seed.
  static Scenario random(std::uint64_t seed);
};

struct Outcome {
  std::vector<std::string> findings;
  Micros duration = 0;  // virtual, until the last client was done
  std::size_t runs = 0;
  std::size_t transactions = 0;
  std::size_t lent_servers = 0;
  std::size_t cancels_hit = 0;
  std::size_t own_cancelled = 0;
  std::size_t refused = 0;
  std::size_t pins_refused = 0;
  std::size_t pinned = 0;  // the most at one time
  std::size_t heard = 0;
  std::size_t turns = 0;

  std::string text() const;
};

// What was done in a stretch of virtual time.
struct Pace {
  std::size_t transactions = 0;
  std::size_t lent_servers = 0;
  std::vector<std::string> findings;
};

class World {
 public:
  explicit World(Scenario scenario);
  ~World();

  Outcome run();
  // For clients that never finish: lets time pass, counts for a while, and stops in the middle.
  Pace measure(Micros warm_up, Micros window);
  // Skews the load: of the clients of each worker from this one on, all but `left` go away.
  void thin_out(std::size_t first_worker, int left);

 private:
  struct Place {
    std::unique_ptr<SimNetwork> network;
    std::unique_ptr<worker::Worker> worker;
    Micros free_at = 0;  // its last turn is over
    Micros wake_at = 0;
    int idle_turns = 0;  // in a row, without an event and without a pause
  };
  class NoControl final : public worker::ControlLink {
   public:
    void console_opened(std::size_t, std::uint32_t, std::string, bool) override {}
    void console_frame(std::size_t, std::uint32_t, std::string) override {}
    void console_canceled(std::size_t, std::uint32_t) override {}
    void console_closed(std::size_t, std::uint32_t) override {}
    void positions_wanted(const std::string&) override {}
    void catalogue_wanted(const routing::DatabaseName&) override {}
    void roles_doubted(const std::string&) override {}
    void secret_wanted(std::size_t, std::uint32_t, std::string, std::string) override {}
    void secret_doubted(std::string, std::string) override {}
    void fate_wanted(worker::FateWanted) override {}
    void client_leaves(worker::LeavingClient) override {}
    void client_left(std::uint32_t, bool) override {}
    void client_arrived(worker::ArrivedClient) override {}
    void heirloom(std::string) override {}
    void cancel_astray(wire::CancelKey) override {}
    void worker_drained(std::size_t) override {}
  };

  std::shared_ptr<const worker::Picture> picture() const;
  void intervene();
  void show(bool paused);
  void add_clients();
  void step();
  Place* choose_ready();
  void run_until(Micros when);
  void run_turn(Place& place);
  Micros turn_cost(std::uint64_t events);
  void check_limits();
  void check_pins();
  void check_progress();
  void check_rest();
  bool over() const;

  Scenario scenario_;
  SimKernel kernel_;
  Judge judge_;
  BackEnd back_end_;
  NoControl control_;
  worker::Process process_;
  std::vector<Place> places_;
  std::vector<std::unique_ptr<SimClient>> clients_;
  std::shared_ptr<pool::SharedPool> slots_;
  PoolSettings pool_;
  std::int32_t most_servers_ = 0;  // the largest pool_size so far
  std::uint64_t generation_ = 1;
  bool paused_ = false;
  Micros next_check_ = 0;
  std::size_t turns_ = 0;
  std::int32_t most_pinned_ = 0;
};

}  // namespace pgsaba::sim
