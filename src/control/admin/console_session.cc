#include "console_session.h"

#include <cassert>
#include <utility>

#include "pgsaba/wire/sqlstate.h"
#include "sqlstates.h"

namespace pgsaba::admin {
namespace {

constexpr std::string_view kPortalSuspended{"s\0\0\0\4", 5};
constexpr std::size_t kMessageOverheadBytes = 64;  // so that empty messages fill the queue as well

AdminReply refused_to_stats_user(const AdminCommand& command) {
  return failed(wire::sqlstate::kInsufficientPrivilege, "admin access needed",
                "This user may only SHOW. For " + tag_of(command) +
                    " it has to be listed under admin.users.");
}

}  // namespace

void ConsoleSession::transition(State next) {
  assert(state_ != State::kClosed || next == State::kClosed);
  state_ = next;
  if (next == State::kClosed) {
    queue_.clear();
    queued_bytes_ = 0;
    rest_of_query_.clear();
  }
}

void ConsoleSession::receive(char tag, Bytes body) {
  if (state_ == State::kClosed) return;
  queue_.push_back({tag, std::string(text_of(body))});
  queued_bytes_ += body.size() + kMessageOverheadBytes;
  pump();
  if (queued_bytes_ > 2 * kMaxQueuedBytes) {
    refuse(problem(wire::sqlstate::kProgramLimitExceeded,
                   "too many messages behind a running command",
                   "Wait for a command's reply before sending more."));
  }
}

void ConsoleSession::pump() {
  while (!in_flight_ && state_ != State::kClosed && output_.size() < kMaxOutputBytes) {
    if (state_ == State::kInQuery) {
      next_of_query();
      continue;
    }
    if (queue_.empty()) return;
    const Message message = std::move(queue_.front());
    queue_.pop_front();
    queued_bytes_ -= message.body.size() + kMessageOverheadBytes;
    handle(message);
  }
}

void ConsoleSession::handle(const Message& message) {
  if (message.tag == 'X') return transition(State::kClosed);
  if (message.tag == 'S') return sync();
  if (state_ == State::kSkippingToSync) return;
  switch (message.tag) {
    case 'Q':
      return query(message.body);
    case 'F':
      fail(problem(wire::sqlstate::kFeatureNotSupported,
                   "function calls are not supported by the console"));
      return ready();
    case 'd':
    case 'c':
    case 'f':  // of a COPY that never was: PostgreSQL ignores them as well
    case 'H':  // everything is flushed as it comes
      return;
    default:
      return handle_extended(message);
  }
}

void ConsoleSession::handle_extended(const Message& message) {
  const Bytes body = bytes_of(message.body);
  Problem wrong;
  switch (message.tag) {
    case 'P':
      wrong = prepared_.parse(body, output_);
      break;
    case 'B':
      wrong = prepared_.bind(body, output_);
      break;
    case 'D':
      wrong = prepared_.describe(body, output_);
      break;
    case 'C':
      wrong = prepared_.close(body, output_);
      break;
    case 'E':
      return execute(body);
    default:
      return refuse(problem(wire::sqlstate::kProtocolViolation, "unexpected message type"));
  }
  if (!wrong) return;
  fail(*wrong);
  transition(State::kSkippingToSync);
}

void ConsoleSession::query(const std::string& body) {
  auto commands = parse_commands(std::string_view(body).substr(0, body.find('\0')));
  if (!commands) {
    fail(problem(kSyntaxError, commands.error().message, commands.error().hint));
    return ready();
  }
  if (commands->empty()) {
    output_ += wire::kEmptyQuery;
    return ready();
  }
  rest_of_query_.assign(std::make_move_iterator(commands->begin()),
                        std::make_move_iterator(commands->end()));
  transition(State::kInQuery);
}

void ConsoleSession::next_of_query() {
  if (rest_of_query_.empty()) {
    transition(State::kReady);
    return ready();
  }
  Running running{std::move(rest_of_query_.front())};
  rest_of_query_.pop_front();
  start(std::move(running));
}

void ConsoleSession::execute(Bytes body) {
  const std::string_view text = text_of(body);
  const std::size_t name_end = text.find('\0');
  if (name_end == std::string_view::npos || text.size() < name_end + 5) {
    fail(problem(wire::sqlstate::kProtocolViolation, "malformed Execute message"));
    return transition(State::kSkippingToSync);
  }
  const std::string name(text.substr(0, name_end));
  const std::uint32_t max_rows = load_be32(body.data() + name_end + 1);
  Portal* portal = prepared_.find_portal(name);
  if (portal == nullptr) {
    fail(problem(kUndefinedCursor, "portal \"" + name + "\" does not exist"));
    return transition(State::kSkippingToSync);
  }
  if (!portal->command) {
    output_ += wire::kEmptyQuery;
    return;
  }
  if (portal->reply) return send_portal(*portal, max_rows);
  start({*portal->command, name, max_rows});
}

void ConsoleSession::sync() {
  if (state_ == State::kSkippingToSync) transition(State::kReady);
  ready();
}

void ConsoleSession::start(Running running) {
  running_ = std::move(running);
  const AdminCommand& command = running_->command;
  if (access_ == Access::kStats && !is_harmless(command)) {
    return conclude(refused_to_stats_user(command));
  }
  if (auto reply = local_reply(command)) return conclude(std::move(*reply));
  const Ticket ticket = ++last_ticket_;
  in_flight_ = ticket;
  if (auto reply = executor_.run(ticket, command)) {
    in_flight_.reset();
    conclude(std::move(*reply));
  }
}

void ConsoleSession::finish(Ticket ticket, AdminReply reply) {
  if (in_flight_ != ticket) return;  // cancelled meanwhile
  in_flight_.reset();
  conclude(std::move(reply));
  pump();
}

void ConsoleSession::cancel() {
  if (!in_flight_) return;
  const Ticket ticket = *std::exchange(in_flight_, std::nullopt);
  executor_.abandon(ticket);
  conclude(failed(wire::sqlstate::kQueryCanceled, "canceling statement due to user request"));
  pump();
}

void ConsoleSession::disconnected() {
  transition(State::kClosed);
  if (in_flight_) executor_.abandon(*std::exchange(in_flight_, std::nullopt));
  output_.clear();
}

void ConsoleSession::refuse(wire::ErrorFields error) {
  if (state_ == State::kClosed) return;
  error.severity = "FATAL";
  fail(error);
  transition(State::kClosed);
  if (in_flight_) executor_.abandon(*std::exchange(in_flight_, std::nullopt));
}

void ConsoleSession::conclude(AdminReply reply) {
  const Running running = std::move(*running_);
  running_.reset();
  for (const wire::ErrorFields& notice : reply.notices) wire::append_error(output_, 'N', notice);
  if (!reply.error) take_up_transaction(running.command);
  if (state_ == State::kInQuery) {
    conclude_in_query(reply);
    if (!reply.error) wire::append_command_complete(output_, tag_of(running.command));
    return;
  }
  if (reply.error) {
    fail(*reply.error);
    return transition(State::kSkippingToSync);
  }
  // No message is handled while a command runs, so its portal is still there.
  Portal* portal = prepared_.find_portal(running.portal);
  assert(portal != nullptr);
  portal->reply = std::move(reply);
  send_portal(*portal, running.max_rows);
}

void ConsoleSession::conclude_in_query(const AdminReply& reply) {
  if (reply.error) {
    fail(*reply.error);
    rest_of_query_.clear();
    return;
  }
  if (!reply.table) return;
  append_row_description(output_, reply.table->columns, {});
  for (const Row& row : reply.table->rows) append_data_row(output_, reply.table->columns, row, {});
}

void ConsoleSession::send_portal(Portal& portal, std::uint32_t max_rows) {
  if (const auto& table = portal.reply->table) {
    std::uint32_t sent = 0;
    for (; portal.next_row < table->rows.size(); ++portal.next_row, ++sent) {
      if (max_rows != 0 && sent == max_rows) {
        output_ += kPortalSuspended;
        return;
      }
      append_data_row(output_, table->columns, table->rows[portal.next_row], portal.formats);
    }
  }
  wire::append_command_complete(output_, tag_of(*portal.command));
}

void ConsoleSession::fail(const wire::ErrorFields& error) {
  wire::append_error(output_, 'E', error);
}

void ConsoleSession::ready() {
  if (status_ == wire::TransactionStatus::kIdle) prepared_.drop_portals();
  wire::append_ready(output_, status_);
}

// Drivers that open transactions by themselves want to see one. An error does not fail it: nothing
// here can be rolled back, and an administrator must not be locked out of RESUME.
void ConsoleSession::take_up_transaction(const AdminCommand& command) {
  if (const auto* transaction = std::get_if<Transaction>(&command)) {
    status_ = transaction->verb == TransactionVerb::kBegin ? wire::TransactionStatus::kInBlock
                                                           : wire::TransactionStatus::kIdle;
  }
}

std::string ConsoleSession::take_output() {
  std::string taken = std::move(output_);
  output_.clear();
  pump();
  return taken;
}

}  // namespace pgsaba::admin
