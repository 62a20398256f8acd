// ConsoleSession: the protocol of one console after login, as a step machine: whole messages in,
// bytes out, commands to an AdminExecutor. It answers the simple and the extended protocol, since
// drivers such as JDBC and asyncpg know only the latter.
// Control thread; no sockets. The executor must outlive it. Everything is bounded: what is queued
// while a command runs, what is written but not taken, statements and portals.
// Source: PostgreSQL, "Message Flow"; src/backend/tcop/postgres.c (PostgresMain).
//
// States and their legal moves; a command in flight holds every state until it has ended:
//   kReady           -> kInQuery (Query), kSkippingToSync (error in an extended message), kClosed
//   kInQuery         -> kReady (its last command ended, or one failed), kClosed
//   kSkippingToSync  -> kReady (Sync), kClosed
//   kClosed          (Terminate, a fatal error, the connection is gone)
#pragma once

#include <deque>
#include <optional>
#include <string>

#include "executor.h"
#include "pgsaba/base/bytes.h"
#include "pgsaba/wire/backend.h"
#include "prepared_commands.h"

namespace pgsaba::admin {

// What `admin.users` and `admin.stats_users` may do: everything, or look.
enum class Access : std::uint8_t { kAdmin, kStats };

class ConsoleSession {
 public:
  static constexpr std::size_t kMaxQueuedBytes = std::size_t{256} * 1'024;
  static constexpr std::size_t kMaxOutputBytes = std::size_t{1'024} * 1'024;

  ConsoleSession(AdminExecutor& executor, Access access) : executor_(executor), access_(access) {}

  // A whole frame: its tag and what follows its length.
  void receive(char tag, Bytes body);
  // False: stop reading from the client. Who delivers twice as much nevertheless is disconnected.
  bool wants_input() const { return queued_bytes_ < kMaxQueuedBytes; }

  // The command with this ticket has ended.
  void finish(Ticket ticket, AdminReply reply);
  // A CancelRequest came for this console.
  void cancel();
  // The connection is gone.
  void disconnected();
  // Ends the session with a FATAL error (shutdown, a message that is too long, ...).
  void refuse(wire::ErrorFields error);

  // What to write. Called when what was taken before has been written: more may follow.
  std::string take_output();
  // Close once the output is written.
  bool closing() const { return state_ == State::kClosed; }

 private:
  enum class State : std::uint8_t { kReady, kInQuery, kSkippingToSync, kClosed };

  struct Message {
    char tag;
    std::string body;
  };
  // What is being run, and on whose behalf.
  struct Running {
    AdminCommand command;
    std::string portal = {};  // in kReady: of Execute
    std::uint32_t max_rows = 0;
  };

  void transition(State next);
  void pump();
  void handle(const Message& message);
  void handle_extended(const Message& message);
  void query(const std::string& body);
  void next_of_query();
  void execute(Bytes body);
  void sync();

  void start(Running running);
  void conclude(AdminReply reply);
  void conclude_in_query(const AdminReply& reply);
  void send_portal(Portal& portal, std::uint32_t max_rows);
  void fail(const wire::ErrorFields& error);
  void ready();
  void take_up_transaction(const AdminCommand& command);

  AdminExecutor& executor_;
  Access access_;
  State state_ = State::kReady;
  wire::TransactionStatus status_ = wire::TransactionStatus::kIdle;
  PreparedCommands prepared_;
  std::deque<Message> queue_;
  std::size_t queued_bytes_ = 0;
  std::deque<AdminCommand> rest_of_query_;
  std::optional<Running> running_;
  std::optional<Ticket> in_flight_;  // running_ is with the executor
  Ticket last_ticket_ = 0;
  std::string output_;
};

}  // namespace pgsaba::admin
