// FateDesk: asks PostgreSQL what has become of COMMITs that were under way when their server was
// lost (routing/commit_fate.h), for up to timeouts.failover_wait each. It keeps a connection to
// each cluster's primary, since a process of the server that was there before the COMMIT, and still
// is, proves that the server was not restarted in between. Without routing.xact_status it does
// nothing. Owning thread: the control loop's.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "control/daemon_controls.h"
#include "control/server_link.h"
#include "pgsaba/net/control_loop.h"
#include "pgsaba/routing/commit_fate.h"
#include "pgsaba/routing/topology.h"

namespace pgsaba::control {

class FateDesk {
 public:
  FateDesk(net::ControlLoop& loop, DaemonControls& controls) : loop_(loop), controls_(controls) {}

  // The answer is worker::FateKnown.
  void ask(const worker::FateWanted& wanted);
  // After each new picture: who is the primary, and where.
  void follow(std::shared_ptr<const routing::Topology> topology);
  // The configuration has changed: what is under way is asked anew.
  void forget_all();

 private:
  struct Question {
    worker::FateWanted wanted;
    Micros deadline = 0;
  };
  // Of one cluster.
  struct Court {
    std::string cluster;
    std::deque<Question> questions;  // the first of them is being asked
    std::optional<std::size_t> server;
    std::uint64_t server_number = 0;
    std::unique_ptr<ServerLink> link;  // to that server
    std::string witness;               // its process behind the link; empty: not known
    Micros witness_since = 0;          // it is known
    routing::FateEvidence evidence;    // of that server, without what concerns one question
    bool waits_for_standbys = false;   // that server, with each COMMIT
    bool without_control_data = false;
    net::Watch pause;
  };

  Court& court_of(const std::string& cluster);
  void proceed(Court& court);
  bool choose_server(Court& court);
  void ask_place(Court& court);
  void on_place(Court& court, const ServerLink::Answer& answer);
  void ask_status(Court& court);
  void on_status(Court& court, const ServerLink::Answer& answer);
  void on_broken(Court& court);
  void retry(Court& court);
  void proceed_later(Court& court, Micros pause);
  const routing::TopologyCluster* seen(const Court& court) const;
  void answer_first(Court& court, routing::Fate fate);
  void drop_hopeless(Court& court);

  net::ControlLoop& loop_;
  DaemonControls& controls_;
  std::shared_ptr<const routing::Topology> topology_;
  std::map<std::string, std::unique_ptr<Court>> courts_;
};

}  // namespace pgsaba::control
