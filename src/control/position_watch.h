// PositionWatch: finds out, when reads wait for it, how far the standbys of a cluster have come. It
// asks the primary where it stands and one standby after the other what it has replayed, until one
// has come so far, and notes that on the cluster's clock. It asks nobody while no read waits; one
// look at the primary serves all that wait.
// Owning thread: the control loop's. Lifetime: a reload builds a new one.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "control/catch_up.h"
#include "control/monitor_target.h"
#include "control/position_targets.h"
#include "control/server_link.h"
#include "pgsaba/routing/causal_clock.h"
#include "pgsaba/routing/topology.h"

namespace pgsaba::control {

class PositionWatch {
 public:
  // Called when a standby shows more than before.
  using Progress = std::function<void()>;

  PositionWatch(net::ControlLoop& loop, const MonitorCluster& cluster,
                std::shared_ptr<routing::CausalClock> clock, Progress progress);

  // After each new picture: who is the primary, and who follows it.
  void follow(const routing::TopologyCluster& cluster);
  // Reads wait.
  void look();

 private:
  struct Server {
    std::unique_ptr<ServerLink> link;
    std::uint64_t number = 0;  // another one: another server
    bool follows = false;      // a standby that streams on the primary's timeline
    std::uint64_t replayed = 0;
    CatchUp catch_up;
  };

  void on_primary(std::uint64_t number, routing::Epoch epoch, const ServerLink::Answer& answer);
  void look_is_over();
  void fail();
  void ask_standbys();
  void ask_next();
  void on_standby(std::size_t index, std::uint32_t life, const ServerLink::Answer& answer);
  void on_broken(std::size_t index);
  void start_anew();
  void expect();
  bool wanted() const;

  net::ControlLoop& loop_;
  Micros limit_us_;
  std::shared_ptr<routing::CausalClock> clock_;
  Progress progress_;
  std::vector<Server> servers_;
  std::optional<std::size_t> primary_;
  std::uint64_t primary_number_ = 0;
  std::uint32_t timeline_ = 0;
  bool look_again_ = false;
  bool looking_ = false;
  net::Watch patience_;  // for the look that is under way
  net::Watch failure_pause_;
  std::size_t first_ = 0;  // who is asked first
  std::size_t asked_ = 0;  // in this round, so far
  net::Watch pause_;       // before the next round
  Micros wanted_at_ = 0;   // when reads last asked
  PositionTargets targets_;
};

}  // namespace pgsaba::control
