// Switchover: makes a standby of a cluster the primary without an error for any client. One at a
// time:
//
//   kChecking ─▶ kPausing ─▶ kMeasuring ─▶ kCatchingUp ─▶ kPromoting ─▶ kConfirming ─▶ over
//      may the        until no     where the      until the       pg_promote     until the
//      standby be     server is    old primary    standby has     on the         monitor sees
//      promoted?      in use       stands         replayed it     standby        it as primary
//
// From kPausing on new statements of the cluster's databases wait. Up to kCatchingUp all can be
// taken back, and is when the time limit passes. Once pg_promote was sent it cannot: if its end is
// not known, the databases stay paused (kDoubtful) until the standby is seen as the primary, or
// the administrator says RESUME: writing on the old primary might be writing for nothing.
//
// The old primary goes on running: nobody is sent there any more, since its timeline is the lower
// one; it has to be made a standby by hand. What is written there past pgsaba is lost.
//
// Control thread; owned by the daemon.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "control/admin/reply.h"
#include "control/daemon_controls.h"
#include "control/monitor_target.h"
#include "control/server_link.h"
#include "pgsaba/net/control_loop.h"
#include "pgsaba/routing/topology.h"

namespace pgsaba::control {

// Why the server cannot become the primary, by what the monitor has seen; nothing: it may.
std::optional<admin::AdminReply> switchover_refusal(const routing::TopologyCluster* cluster,
                                                    const std::string& name, std::size_t target);

class Switchover {
 public:
  using Done = std::function<void(admin::AdminReply)>;
  using ProbeNow = std::function<void(const std::string& cluster)>;

  Switchover(net::ControlLoop& loop, DaemonControls& controls, ProbeNow probe_now)
      : loop_(loop), controls_(controls), probe_now_(std::move(probe_now)) {}

  void begin(const std::string& cluster, std::size_t target, Done done);
  // Nothing happens if the standby is being promoted already.
  void give_up();
  // The administrator does not want to wait for a promotion whose end is not known.
  void lift();

 private:
  enum class State : std::uint8_t {
    kNone,
    kChecking,
    kPausing,
    kMeasuring,
    kCatchingUp,
    kPromoting,
    kConfirming,
    kDoubtful,
  };

  void check();
  void pause();
  void ask_workers();
  void measure();
  void ask_replayed();
  void promote();
  void on_promoted(const ServerLink::Answer& answer);
  void confirm();
  bool is_over() const;
  bool target_is_there() const;
  void doubt(const std::string& why);
  void too_late();
  void fail(std::string_view sqlstate, const std::string& what, std::string hint = {});
  void end(admin::AdminReply reply);
  void resume();
  void later(Micros delay, void (Switchover::*step)());
  const MonitorTarget& target() const { return servers_[target_]; }

  net::ControlLoop& loop_;
  DaemonControls& controls_;
  ProbeNow probe_now_;
  State state_ = State::kNone;
  std::string cluster_;
  std::vector<MonitorTarget> servers_;
  std::size_t target_ = 0;
  std::uint64_t target_number_ = 0;
  std::size_t old_ = 0;
  std::uint64_t position_ = 0;  // where the old primary stands
  std::uint64_t number_ = 0;    // of this switchover: answers of an earlier one are too late
  Micros confirm_until_ = 0;
  Done done_;
  std::unique_ptr<ServerLink> target_link_;
  std::unique_ptr<ServerLink> old_link_;
  net::Watch limit_;
  net::Watch step_;
};

}  // namespace pgsaba::control
