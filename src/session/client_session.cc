#include "pgsaba/session/client_session.h"

#include "pgsaba/wire/sqlstate.h"
#include "session/client_login_state.h"
#include "session/commit_watch.h"
#include "session/errors.h"
#include "session/held_parameters.h"
#include "session/lease_traces.h"
#include "session/lesson.h"
#include "session/listening.h"
#include "session/move.h"
#include "session/orphaned_transaction.h"
#include "session/relay.h"
#include "session/unnamed_statement.h"

namespace pgsaba::session {

using server::ServerConnection;
using wire::ErrorFields;
using wire::Piece;

namespace {

// What a client that waits (for a server, or for an answer that its next message depends on) may
// have sent ahead before it is no longer read.
constexpr std::size_t kMaxAheadBytes = 65'536;

const std::string nobody;

}  // namespace

ClientSession::ClientSession(SessionHost& host, std::uint32_t id, net::Socket socket)
    : Connection(host.turn(), Side::kClient),
      host_(host),
      id_(id),
      key_pid_(host.key_pid(id)),
      number_(host.next_id()),
      peer_(host.turn().network.peer_address(socket)),
      login_(std::make_unique<Login>()),
      connected_at_(host.turn().now),
      idle_since_(host.turn().now) {
  attach(socket);
}

ClientSession::~ClientSession() = default;

const std::string& ClientSession::user() const {
  if (account_ != nullptr) return account_->user;
  return login_ ? login_->user : nobody;
}

const std::string& ClientSession::database() const {
  if (account_ != nullptr) return account_->database;
  return login_ ? login_->database : nobody;
}

// ---- states ------------------------------------------------------------------------------------

Phase ClientSession::phase_of(State state) {
  switch (state) {
    case State::kStartup:
    case State::kLogin:
    case State::kWelcome:
      return Phase::kLogin;
    case State::kParked:
    case State::kWaiting:
      return Phase::kWaiting;
    case State::kBegun:
    case State::kMatching:
    case State::kLinked:
    case State::kSettling:
    case State::kDoubt:
    case State::kOrphaned:
      return Phase::kLinked;
    case State::kRelay:
      return Phase::kRelay;
    case State::kConsole:
      return Phase::kConsole;
    case State::kIdle:
    case State::kLeaving:
    case State::kArriving:
    case State::kClosed:
      return Phase::kIdle;
  }
  return Phase::kIdle;
}

// Whether a client in this state has a server on lease, or waits for one.
bool ClientSession::leases_server(State state) {
  return state == State::kWaiting || state == State::kMatching || state == State::kLinked ||
         state == State::kSettling;
}

// The only place where the state changes. Legal moves are drawn in the header.
void ClientSession::transition(State next) {
  const Phase from = phase_of(state_);
  state_ = next;
  if (!leases_server(next)) give_up_pin_places();
  if (!leases_server(next) && spill_.drop()) host_.spill_ended();
  if (next == State::kIdle) idle_since_ = turn().now;
  if (next == State::kIdle && !ready_held_ && !leaving_) deliver_notifications();
  if (from != phase_of(next)) host_.phase_changed(*this, from, phase_of(next));
  if (ended() && next != State::kClosed) schedule();
}

bool ClientSession::wants_input() const {
  switch (state_) {
    case State::kLogin:
    case State::kWelcome:
    case State::kParked:
    case State::kWaiting:
    case State::kMatching:
    case State::kSettling:
    case State::kDoubt:
      return carry_bytes() < kMaxAheadBytes;
    case State::kLinked:
      return !leaving_ && carry_bytes() < kMaxAheadBytes && !server_->congested() && !congested() &&
             !server_->pipeline().full();
    case State::kRelay:
      return relay_->takes_bytes();
    case State::kLeaving:
    case State::kArriving:
    case State::kClosed:
      return false;
    default:
      return !leaving_ && !congested();
  }
}

void ClientSession::step() {
  if (state_ == State::kClosed || !take_again()) return;
  const bool may_read = wants_input();
  const Bytes input = gather(may_read);
  if (!input.empty()) heard_at_ = turn().now;
  const std::size_t used = consume(input);
  retain(used);
  // What was held back is done with: the socket will not tell a second time what it has.
  if (!may_read && state_ != State::kClosed && readable() && wants_input()) schedule();
  if (state_ != State::kClosed && (broken() || ended() || (gone() && !may_read))) lost_peer();
}

// Whether the next message can be looked at before something else has happened.
bool ClientSession::takes_messages() const {
  return state_ != State::kWaiting && state_ != State::kParked && state_ != State::kWelcome &&
         state_ != State::kMatching && state_ != State::kSettling && state_ != State::kDoubt &&
         !is_moving() && !waits_for_keys() && !awaits_answer();
}

bool ClientSession::at_rest() const {
  if (state_ == State::kBegun) return true;
  return pins_.any() && state_ == State::kLinked && told_ == wire::TransactionStatus::kIdle &&
         server_->pipeline().empty();
}

bool ClientSession::runs() const {
  if (phase_of(state_) != Phase::kLinked || at_rest()) return false;
  return state_ != State::kLinked || told_ != wire::TransactionStatus::kIdle ||
         !server_->pipeline().empty();
}

std::size_t ClientSession::consume(Bytes input) {
  std::size_t used = 0;
  while (used < input.size() && state_ != State::kClosed && !leaving_) {
    const Bytes rest = input.subspan(used);
    if (state_ == State::kStartup) {
      const std::size_t taken = consume_startup(rest);
      if (taken == 0) break;
      used += taken;
      continue;
    }
    if (!takes_messages()) break;
    if (state_ == State::kRelay) {
      relay_->client_sent(rest);
      return input.size();
    }
    if (state_ == State::kLinked && (server_->congested() || server_->full())) break;
    const wire::FrameReader before = reader_;
    const Piece piece =
        reader_.next(rest, static_cast<std::uint32_t>(host_.config().limits.max_message_bytes));
    if (piece.kind == Piece::Kind::kNeedMore) break;
    if (piece.kind == Piece::Kind::kMalformed) {
      fail_protocol(piece.error == wire::FrameError::kUnknownTag
                        ? "invalid frontend message type " +
                              std::to_string(static_cast<unsigned char>(piece.tag))
                        : std::string(wire::describe(piece.error)));
      break;
    }
    if (piece.kind == Piece::Kind::kBody) {
      on_body(piece);
    } else if (on_frame(piece, rest) == Taken::kNotYet) {
      reader_ = before;
      break;
    }
    used += piece.bytes.size();
    if (state_ == State::kLinked) lease_pool_->totals().bytes_received += piece.bytes.size();
  }
  return used;
}

void ClientSession::fail_protocol(std::string message) {
  end(EndReason::kProtocolError, errors::protocol_violation(std::move(message)));
}

// ---- the end -----------------------------------------------------------------------------------

void ClientSession::end(EndReason reason, const ErrorFields& error, std::string_view for_log) {
  if (state_ == State::kClosed) return;
  std::string frame;
  wire::append_error(frame, 'E', error);
  // In the middle of a relayed stream a word of ours would be garbage.
  const bool may_hear = login_ == nullptr || login_->may_hear_errors;
  if (may_hear && state_ != State::kRelay) send(frame);
  flush();
  reason_ = reason;
  host_.error_told(*this, error, for_log);
  if (login_) login_->refused_with = error.sqlstate;
  end(reason);
}

// A client that goes away leaves its statement running, as on a direct connection; one that is sent
// away does not.
void ClientSession::give_up(ServerConnection& server) {
  auto why = server::CloseReason::kClientGone;
  if (reason_ == EndReason::kQueryTimeout || reason_ == EndReason::kTransactionTimeout)
    why = server::CloseReason::kTimeLimit;
  if (reason_ == EndReason::kAdmin) why = server::CloseReason::kAdmin;
  if (why != server::CloseReason::kClientGone) host_.stop_statement(server);
  lease_pool_->discard(server, why);
}

// Between statements the server can be cleaned; in the middle of one it is lost.
void ClientSession::part_from_server() {
  abandon_state();
  ServerConnection* server = std::exchange(server_, nullptr);
  read_.drop();
  if (server == nullptr) return;
  // A question of ours that is still under way is followed by the cleaning.
  const bool only_asked = state_ == State::kSettling || state_ == State::kMatching;
  if (only_asked) server->taint(ServerConnection::Taint::kState);
  if ((server->pipeline().empty() && !is_halfway()) || only_asked) {
    lease_pool_->give_back(*server);
  } else {
    give_up(*server);
  }
}

// A console that is open has all of its login, too.
void ClientSession::tell_refusal() const {
  if (state_ == State::kConsole && reason_ != EndReason::kLoginFailed) return;
  const std::string_view why = login_refusal(reason_, login_->refused_with);
  if (!why.empty()) host_.login_refused(login_->asked_for, why);
}

void ClientSession::end(EndReason reason) {
  if (state_ == State::kClosed) return;
  if (reason_ == EndReason::kNone) reason_ = reason;
  if (wait_hook.linked()) lease_pool_->leave(*this);
  if (relay_) relay_->close();
  stop_listening();
  part_from_server();
  request_.clear(turn().buffers);
  if (state_ == State::kConsole) host_.console_closed(*this);
  if (login_ != nullptr) tell_refusal();
  if (reason_ != EndReason::kTlsFailed) host_.log_client(*this, describe(reason_));
  if (account_ != nullptr) host_.dismiss(*account_);
  transition(State::kClosed);
  flush();
  close();
  host_.bury(*this);
}

// The server waits for the rest of a message, or of a batch of which it has answered all there is.
// As long as nothing of it is read, its silence is ours.
bool ClientSession::is_expected_to_go_on() const {
  if (state_ != State::kLinked || readable() || !wants_input()) return false;
  const server::Pipeline& pipeline = server_->pipeline();
  return is_halfway() || body_ == Body::kGather || (pipeline.batch_open() && pipeline.size() == 0);
}

// Who is in a transaction has the limits of one, and a server anyhow. Between two parts of COPY
// data there is as much time as it takes to make them.
bool ClientSession::stalls() const {
  if (!is_halfway() && body_ != Body::kGather) return false;
  return is_expected_to_go_on() && pools_transactions() &&
         told_ == wire::TransactionStatus::kIdle && !server_->pipeline().copying_in();
}

void ClientSession::check_limits(Micros now) {
  const config::PoolSettings& limits = account_->limits;
  const auto over = [now](Micros since, Micros limit) {
    return since != 0 && limit > 0 && now - since >= limit;
  };
  // Of one that has begun with what runs now nobody has told the client yet.
  if (over(transaction_at_ != 0 ? transaction_at_ : request_at_, limits.transaction_us))
    return end(EndReason::kTransactionTimeout, errors::transaction_timeout());
  if (over(request_at_, limits.query_us))
    return end(EndReason::kQueryTimeout, errors::query_timeout());
  if (request_at_ == 0 && transaction_at_ != 0 && over(idle_since_, limits.idle_transaction_us))
    return end(EndReason::kIdleTransactionTimeout, errors::idle_transaction_timeout());
  if (is_expected_to_go_on() && over(heard_at_, limits.idle_transaction_us))
    return end(EndReason::kIdleTransactionTimeout, errors::idle_transaction_timeout());
  if (over(heard_at_, host_.config().timeouts.stalled_message_us) && stalls())
    return end(EndReason::kStalledMessage, errors::stalled_message());
  if (state_ == State::kDoubt) check_doubt(now);
  if (pins_.any() && at_rest()) check_pin_limits(now);
}

void ClientSession::check_idle(Micros now) {
  const Micros limit = account_->limits.client_idle_us;
  if (limit > 0 && now - idle_since_ >= limit && !is_moving())
    end(EndReason::kIdleTimeout, errors::client_idle_timeout());
}

void ClientSession::console_output(Bytes bytes, bool last) {
  send(bytes);
  if (last) end(EndReason::kClientTerminated);
}

void ClientSession::drained() {
  if (state_ == State::kRelay) return relay_->client_drained();
  if (leaving_ && server_ == nullptr) return end_when_sent();
  if (server_ != nullptr) server_->schedule();
  if (has_carry() || readable()) schedule();
  if (free_to_hear()) deliver_notifications();
  schedule();
}

// ---- a server of its own -----------------------------------------------------------------------

const server::DedicatedConnection* ClientSession::dedicated() const {
  return relay_ ? relay_->server() : nullptr;
}

stats::Replication ClientSession::replication() const {
  return relay_ ? relay_->mode() : stats::Replication::kNone;
}

// The server has closed: the client is let go once it has all that came before.
void ClientSession::relay_ended() {
  flush_now();
  if (sent_all() || broken()) return end(EndReason::kServerLost);
  watch_sending();
}

// ---- cancel ------------------------------------------------------------------------------------

bool ClientSession::accepts_key(std::string_view secret) const {
  return secret.size() == secret_bytes() &&
         auth::constant_time_equal(secret, std::string_view(secret_.data(), secret.size()));
}

bool ClientSession::holds_cancel() {
  const bool too_early =
      state_ == State::kMatching || (state_ == State::kLinked && server_->runs_own_query());
  if (too_early) cancel_held_ = true;
  return too_early;
}

void ClientSession::deliver_cancel() {
  if (std::exchange(cancel_held_, false)) host_.cancel_due(*this);
}

ServerConnection* ClientSession::cancel_target() const {
  const bool running = server_ != nullptr && state_ == State::kLinked &&
                       (server_->pipeline().size() > 0 || server_->pipeline().copying_in());
  return running ? server_ : nullptr;
}

}  // namespace pgsaba::session
