// The part of ClientSession that keeps a server between transactions, and asks for leave to do so.
//
//   statement that will keep its server ─▶ a place among the pool's pins? ─▶ sent
//     no place, and no server yet:   it waits, for a place and then for a server, up to query_wait
//     no place, inside a transaction: it takes one beyond the limit, or is refused
//
// Whoever waits for a place has no server, and whoever has a server does not wait for a place:
// pinned and waiting clients cannot wait for each other.
#include "pgsaba/session/client_session.h"
#include "pgsaba/wire/backend.h"
#include "pgsaba/wire/frontend.h"
#include "session/client_login_state.h"
#include "session/errors.h"
#include "session/lease_traces.h"
#include "session/lesson.h"
#include "session/listening.h"
#include "session/orphaned_transaction.h"
#include "session/pin_foresight.h"
#include "session/relay.h"
#include "session/unnamed_statement.h"

namespace pgsaba::session {

using wire::Piece;
using wire::TransactionStatus;

namespace {

Pins without_sequence(Pins pins) {
  pins.set(PinReason::kSequence, false);
  return pins;
}

}  // namespace

Pins ClientSession::foresee_named(std::string_view name) const {
  const server::PreparedRef statement = find_statement(name);
  if (!statement) return {};
  return foresee_text(statement->effects.load(std::memory_order_relaxed), statement->query());
}

Pins ClientSession::foresee_text(sql::Effects effects, std::string_view text) const {
  Pins pins = foreseen_pins(effects, text, dialect_);
  if (pins.has(PinReason::kListen) && !hears_otherwise()) pins.set(PinReason::kListen, false);
  return pins;
}

// What the message makes the client keep its server for. A Parse is taken for its execution, which
// comes with it or soon.
Pins ClientSession::foresee(const Piece& piece) const {
  // Almost no client has such statements.
  if (!foresees_ || !piece.complete || !pools_transactions()) return {};
  if (piece.tag == 'B') {
    const auto names = wire::read_bind(piece.body());
    if (!names) return {};
    if (!names->statement.empty()) return foresee_named(names->statement);
    return unnamed_ ? foresee_text(unnamed_->effects, unnamed_->query()) : Pins();
  }
  if (piece.tag != 'Q' && piece.tag != 'P') return {};
  const std::string_view text = text_of_statement(piece);
  if (query_.command != sql::Command::kExecute || !query_.single)
    return foresee_text(query_.effects, text);
  const auto execute = sql::prepared_command(text, dialect_);
  return execute ? foresee_named(execute->name) : Pins();
}

// Its server is there already. Nothing: the message may be sent.
std::optional<ClientSession::Taken> ClientSession::reserve_pin(const Piece& piece) {
  if (holds_pin) return std::nullopt;
  const server::Pipeline& pipeline = server_->pipeline();
  // In a failed transaction nothing is executed, unless what is under way ends it.
  const bool failed = pipeline.status() == TransactionStatus::kFailed && pipeline.empty();
  if (failed || pipeline.copying_in()) return std::nullopt;
  foreseen_ = foresee(piece);
  if (!foreseen_.any() || take_lasting_place(false)) return std::nullopt;
  if (pipeline.owed_ready() > 0) return Taken::kNotYet;  // its lease may be over then
  // It waits like anybody else, also if what it is was found out only here, since it came in
  // pieces. A read does not ask for a place.
  const bool between = pipeline.owed() == 0 && !pipeline.batch_open() && !pipeline.skipping() &&
                       !server_->beginning() && pipeline.status() == TransactionStatus::kIdle;
  if (between && !without_sequence(pins_).any() && as_read(piece, piece.bytes).bytes == 0) {
    // What restores the client's session is under way.
    if (!pipeline.empty()) server_->taint(server::ServerConnection::Taint::kState);
    release_pin();
    return on_unlinked(piece, piece.bytes);
  }
  if (take_lasting_place(true)) return std::nullopt;
  account_->pin_counts->refused(foreseen_);
  refuse_statement(piece, errors::no_pin_left(foreseen_.describe()));
  return Taken::kYes;
}

// PostgreSQL itself fails, so that the transaction and what is sent behind it are what they should
// be; the client reads why.
void ClientSession::refuse_statement(const Piece& piece, const wire::ErrorFields& error) {
  const bool query = piece.tag == 'Q';
  if (request_at_ == 0) request_at_ = turn().now;
  const bool unnamed = piece.tag == 'P' && (piece.body().empty() || piece.body()[0] == 0);
  if (query || unnamed) drop_unnamed_statement();
  if (query) ++batches_sent_;
  may_commit_ = false;
  body_ = Body::kForward;
  host_.error_told(*this, error, {});
  server_->refuse(query ? server::Request::kQuery : server::Request::kParse, error);
}

// What is foreseen of it stands in the error that a client reads which has waited in vain.
void ClientSession::explain_pin(wire::ErrorFields& error) const {
  if (waits_for_pin() && foreseen_.any())
    error.detail += " The statement would keep one for: " + foreseen_.describe() + ".";
}

// One place is enough for all that the client keeps its server for: with two, others would have to
// make room for nothing.
bool ClientSession::take_lasting_place(bool beyond_the_limit) {
  const bool taken =
      lease_pool_->pin(*this) || (beyond_the_limit && lease_pool_->overdraw_pin(*this));
  if (!taken) return false;
  if (std::exchange(holds_sequence_pin_, false)) lease_pool_->unpin_of_sequence();
  return true;
}

// The place that the client's pins ask for now. False: there is none, or a sequence has to make
// room.
bool ClientSession::take_pin_place() {
  if (without_sequence(pins_).any()) return take_lasting_place(true);
  lease_pool_->unpin(*this);
  if (holds_sequence_pin_) return !lease_pool_->pins_crowded();
  holds_sequence_pin_ = lease_pool_->pin_for_sequence();
  return holds_sequence_pin_;
}

// Whether the client keeps its server. If there is no place for what could not be foreseen, it
// loses its server, and with it what was in its session, so it is told and ended; currval alone is
// not worth that.
bool ClientSession::stay_pinned() {
  if (take_pin_place()) {
    if (pinned_at_ == 0) {
      pinned_at_ = turn().now;
      if (draws_ == Draws::kNone || without_sequence(pins_).any())
        host_.log_client(*this, "keeps its server: " + pins_.describe());
    }
    count_pins();
    return true;
  }
  if (without_sequence(pins_).any()) {
    account_->pin_counts->refused(without_sequence(pins_));
    end(EndReason::kLimit, errors::too_many_pins(pins_.describe()));
  } else {
    release_pin();
  }
  return false;
}

// What was kept until now and is so no longer, and what is kept in addition.
void ClientSession::count_pins() {
  account_->pin_counts->taken(pins_.without(counted_));
  account_->pin_counts->ended(counted_.without(pins_), turn().now - pinned_at_);
  counted_ = pins_;
}

void ClientSession::release_pin() {
  pins_.clear();
  unlink();
}

// It has no server, and does not wait for one.
void ClientSession::give_up_pin_places() {
  if (counted_.any()) account_->pin_counts->ended(counted_, turn().now - pinned_at_);
  counted_.clear();
  pinned_at_ = 0;
  if (holds_pin) lease_pool_->unpin(*this);
  if (std::exchange(holds_sequence_pin_, false)) lease_pool_->unpin_of_sequence();
}

// A pinned client is idle with a server in its hands.
void ClientSession::check_pin_limits(Micros now) {
  const config::PoolSettings& limits = account_->limits;
  const Micros idle = now - idle_since_;
  const bool over = idle >= limits.sequence_pin_us || lease_pool_->pins_crowded();
  if (!without_sequence(pins_).any() && (over || hold_is_over(idle))) {
    end_hold();
    return release_pin();
  }
  check_idle(now);
  if (limits.pin_idle_us == 0 || idle < limits.pin_idle_us) return;
  account_->pin_counts->refused(pins_);
  end(EndReason::kPinTimeout, errors::pin_timeout(pins_.describe()));
}

}  // namespace pgsaba::session
