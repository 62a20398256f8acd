// ConsoleExecutor: does what one console asks for, by means of DaemonControls. Control thread;
// owned by its Console. What it borrows is the desk's and outlives it; answers that come later go
// through `finish`, which must still be callable when the executor is gone. Meaning and messages
// are PgBouncer's, except where those are traps:
// - RESUME without a database lifts every pause, also those of single databases and of KILL.
//   PgBouncer's refuses after a global KILL, and every client hangs.
// - KILL leaves paused what it killed, as in PgBouncer: who drops a database does not want its
//   clients back at once. RESUME, global or of that database, lifts it.
// - A PAUSE that is lifted while it waits ends with an error; PgBouncer's never ends.
// - Every error has an SQLSTATE of its own kind instead of 08P01.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "control/admin/executor.h"
#include "control/console_picture.h"
#include "control/console_waits.h"
#include "control/daemon_controls.h"

namespace pgsaba::control {

// What all consoles share.
struct ConsoleServices {
  DaemonControls& controls;
  ConsoleWaits& waits;
  std::function<ConsoleFacts()> facts;
};

class ConsoleExecutor final : public admin::AdminExecutor {
 public:
  using Ticket = admin::Ticket;
  using Finish = std::function<void(Ticket, admin::AdminReply)>;

  // `who` names the console in the log.
  ConsoleExecutor(const ConsoleServices& services, std::string who, Finish finish)
      : services_(services), who_(std::move(who)), finish_(std::move(finish)) {}

  std::optional<admin::AdminReply> run(Ticket ticket, const admin::AdminCommand& command) override;
  void abandon(Ticket ticket) override;

 private:
  using Answer = std::optional<admin::AdminReply>;
  struct Waiting {
    Ticket ticket = 0;
    ConsoleWaits::Id id = 0;
    std::string database = {};
    bool made_pause = false;  // so that it is taken back
  };

  Answer perform(Ticket ticket, const admin::Show& command);
  Answer perform(Ticket ticket, const admin::ExplainRoute& command);
  Answer perform(Ticket ticket, const admin::OnDatabase& command);
  Answer perform(Ticket ticket, const admin::OnServer& command);
  Answer perform(Ticket ticket, const admin::OnProcess& command);
  Answer perform(Ticket ticket, const admin::KillClient& command);
  Answer perform(Ticket ticket, const admin::SetSetting& command);
  // The session answers all others by itself.
  template <class Other>
  Answer perform(Ticket, const Other&) {
    return admin::AdminReply{};
  }

  Answer pause(Ticket ticket, const std::string& database);
  Answer resume(const std::string& database);
  Answer kill(Ticket ticket, const std::string& database);
  Answer wait_close(Ticket ticket, const std::string& database);
  Answer reload();
  void log_command(const admin::AdminCommand& command) const;

  DaemonControls& controls() { return services_.controls; }
  void change(const std::function<void(worker::Picture&)>& change);
  ConsoleWaits::Done finisher(Ticket ticket) const;

  const ConsoleServices& services_;
  std::string who_;
  Finish finish_;
  std::optional<Waiting> waiting_;  // the last one; it may be over
  std::optional<Ticket> switching_;
};

}  // namespace pgsaba::control
