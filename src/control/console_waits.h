// ConsoleWaits: the console commands that wait for servers: PAUSE until none is in use, WAIT_CLOSE
// until none is left that should be closed. Looks at the workers' snapshots again and again while
// anybody waits.
// Control thread. Owned by ConsoleDesk; loop and controls outlive it, and no answer of `gather` may
// come after its end.
// A PAUSE whose pause is lifted, by whomever (another console, a signal), ends with an error:
// PgBouncer's never returns.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "control/admin/reply.h"
#include "control/daemon_controls.h"
#include "pgsaba/net/control_loop.h"

namespace pgsaba::control {

class ConsoleWaits {
 public:
  using Id = std::uint64_t;
  using Done = std::function<void(admin::AdminReply)>;
  enum class Until : std::uint8_t { kPaused, kClosed };

  ConsoleWaits(net::ControlLoop& loop, DaemonControls& controls)
      : loop_(loop), controls_(controls) {}

  // `database` empty: all. `done` is called once, later, unless the wait is removed before.
  Id add(Until until, std::string database, Done done);
  // False: it had ended already.
  bool remove(Id id) { return waits_.erase(id) > 0; }
  // Ends every wait for a pause that does not hold any more.
  void check_pauses();

 private:
  struct Wait {
    Until until = Until::kPaused;
    std::string database;
    Done done;
  };
  using Snapshots = std::vector<stats::WorkerSnapshot>;

  void tick();
  void ask();
  void examine(const Snapshots& workers, Id newest);
  void end(const std::vector<Id>& ids, const admin::AdminReply& reply);
  bool still_holds(const Wait& wait) const;

  net::ControlLoop& loop_;
  DaemonControls& controls_;
  std::map<Id, Wait> waits_;
  Id last_id_ = 0;
  std::uint64_t asked_ = 0;
  std::uint64_t answered_ = 0;
  Micros asked_at_ = 0;
  net::Watch ticking_;
};

}  // namespace pgsaba::control
