// AdminExecutor: who does what a console asks for. Implemented by the control thread's shell, faked
// in tests. Control thread only.
#pragma once

#include <cstdint>
#include <optional>

#include "command.h"
#include "reply.h"

namespace pgsaba::admin {

using Ticket = std::uint64_t;

class AdminExecutor {
 public:
  AdminExecutor() = default;
  AdminExecutor(const AdminExecutor&) = delete;
  AdminExecutor& operator=(const AdminExecutor&) = delete;
  virtual ~AdminExecutor() = default;

  // The reply at once, or nothing if it comes later, through ConsoleSession::finish with the same
  // ticket. Tickets count from one in each session.
  virtual std::optional<AdminReply> run(Ticket ticket, const AdminCommand& command) = 0;

  // The console has cancelled the command, or is gone: it must not stay half done (a PAUSE that
  // still waits is taken back). A later finish with this ticket is ignored.
  virtual void abandon(Ticket ticket) = 0;
};

}  // namespace pgsaba::admin
