// TrafficAverages: what passed in the last whole log.stats_period, and its line in the log.
// Control thread. Owned by ConsoleDesk; loop and controls outlive it, and no answer of `gather` may
// come after its end. A changed period counts from the end of the running one.
#pragma once

#include <string>

#include "control/admin/picture.h"
#include "control/daemon_controls.h"
#include "pgsaba/net/control_loop.h"

namespace pgsaba::control {

// The line that PgBouncer writes, whose numbers people's scripts pick out.
std::string stats_line(const stats::TrafficTotals& averages);

class TrafficAverages {
 public:
  // Made when nothing has passed yet.
  TrafficAverages(net::ControlLoop& loop, DaemonControls& controls);

  const admin::AverageKeeper& keeper() const { return keeper_; }

 private:
  void wait();
  void period_over();

  net::ControlLoop& loop_;
  DaemonControls& controls_;
  admin::AverageKeeper keeper_;
  net::Watch period_;
};

}  // namespace pgsaba::control
