// The part of ClientSession that knows what the client may have drawn from sequences, and may ask
// for by currval and lastval, which tell of the server's session.
//
//   nextval, or an INSERT of one that has asked in vain: it keeps its server for a while
//   (PinReason) INSERT, and a question is expected (SequenceHabits): the server is held for the
//   next statement:
//     it asks: answered there, and held on
//     it does not, or nothing comes and others wait: the server goes
#include "pgsaba/session/client_session.h"
#include "pgsaba/wire/frontend.h"
#include "session/client_login_state.h"
#include "session/commit_watch.h"
#include "session/held_parameters.h"
#include "session/lease_traces.h"
#include "session/lesson.h"
#include "session/listening.h"
#include "session/orphaned_transaction.h"
#include "session/relay.h"
#include "session/unnamed_statement.h"

namespace pgsaba::session {

using pool::SequenceHabits;
using sql::Command;
using wire::Piece;
using wire::TransactionStatus;

namespace effect = sql::effect;

namespace {

constexpr Micros kPatienceUs = 100 * kMillisecond;  // of others, while a server is held

bool asks(sql::Effects effects) {  // a text that could not be read is not taken for one that does
  return (effects & effect::kSequenceRead) != 0 && (effects & effect::kAll) != effect::kAll;
}

}  // namespace

void ClientSession::note_sequence_read(sql::Effects effects) {
  if (!asks(effects)) return;
  if (lease_pool_ != nullptr) lease_pool_->sequences_are_read();
  const bool has_draws =
      state_ == State::kLinked && (drew_in_lease_ || pins_.has(PinReason::kSequence));
  if (has_draws) return;
  reads_sequences_ = true;
  if (inserted_into_ != 0 && lease_pool_ != nullptr)
    lease_pool_->sequence_habits().note(inserted_into_, true);
}

// currval() and lastval() tell of the session's own past. Where they are asked, be it by a function
// of the database's, nobody may meet what others drew; and what a client that asks may have drawn
// from a sequence keeps its server for a while.
bool ClientSession::reads_sequences() const {
  return reads_sequences_ || account_->reads.reads_sequences ||
         (lease_pool_ != nullptr && lease_pool_->sequences_read_lately());
}

// It must not be told what others drew, unless it has just drawn itself: the first one to ask, whom
// nobody expected to, would not find its own. Behind what may have failed nothing of ours is sent.
void ClientSession::forget_foreign_draws() {
  const server::Pipeline& pipeline = server_->pipeline();
  if (server_->has_served_others(number_) && !drew_in_lease_ && pipeline.nothing_of_theirs() &&
      pipeline.status() != TransactionStatus::kFailed)
    server_->forget_sequences(number_);
}

// A statement is about to be sent that has these effects.
sql::Effects ClientSession::guard_sequences(sql::Effects effects, std::string_view text) {
  constexpr sql::Effects kMayDraw = effect::kSequence | effect::kInsert | effect::kUnknownCode;
  const bool unread = (effects & effect::kAll) == effect::kAll;
  if (unread || (effects & (effect::kSequenceRead | kMayDraw)) == 0) return effects;
  note_sequence_read(effects);
  if ((effects & effect::kInsert) != 0) note_insert(text);
  const bool may_ask =
      (effects & effect::kUnknownCode) != 0 && account_->reads.may_read_sequences(turn().now);
  if (draws_ != Draws::kNone || may_ask || reads_sequences()) forget_foreign_draws();
  drew_in_lease_ = drew_in_lease_ || (effects & kMayDraw) != 0;
  const bool keeps = may_ask || (reads_sequences_ && (effects & effect::kInsert) != 0);
  return keeps ? effects | effect::kSequence : effects;
}

// What it did in other transactions is no matter any more. Where nobody ever asks, an INSERT is one
// like any other: it is not read, and holds nothing.
void ClientSession::note_insert(std::string_view text) {
  inserted_into_ = 0;
  if (!reads_sequences()) return;
  const std::string_view table = sql::inserted_table(text, dialect_);
  inserted_into_ = table.empty() ? 0 : SequenceHabits::key_of(table);
  const bool may_hold =
      inserted_into_ != 0 && !pins_.has(PinReason::kSequence) && pools_transactions() && !read_;
  const bool expected = may_hold && lease_pool_->sequence_habits().expects(inserted_into_);
  if (expected) draws_ = Draws::kUnasked;
}

// The lease would end.
void ClientSession::keep_draws(sql::Effects effects) {
  if ((effects & effect::kSequence) != 0) draws_ = Draws::kNone;  // it keeps them for longer
  if ((effects & effect::kSequence) != 0 || draws_ != Draws::kNone) pins_.set(PinReason::kSequence);
}

// What the message runs; a Parse is taken for its execution.
sql::Effects ClientSession::effects_of(const Piece& piece) const {
  if (piece.tag != 'B') return query_.effects;
  const auto names = piece.complete ? wire::read_bind(piece.body()) : std::nullopt;
  if (!names) return effect::kNone;
  if (names->statement.empty()) return unnamed_ ? unnamed_->effects : effect::kNone;
  const auto statement = find_statement(names->statement);
  return statement ? statement->effects.load(std::memory_order_relaxed) : effect::kNone;
}

// Its server is held for a question, and here is the next message. Nothing: it goes there.
std::optional<ClientSession::Taken> ClientSession::take_held(const Piece& piece, Bytes ahead) {
  const server::Pipeline& pipeline = server_->pipeline();
  if (!pipeline.empty() || pipeline.status() != TransactionStatus::kIdle) return std::nullopt;
  switch (piece.tag) {
    case 'Q':
    case 'P':
      // What drivers say of their own accord.
      if (query_.command == Command::kDeallocate || query_.command == Command::kSet ||
          query_.command == Command::kEmpty)
        return std::nullopt;
      break;
    case 'B':
      break;
    default:
      return std::nullopt;
  }
  if (asks(effects_of(piece))) {
    draws_ = Draws::kAsked;
    lease_pool_->sequence_habits().note(inserted_into_, true);
    return std::nullopt;
  }
  end_hold();
  if (pins_.any()) return std::nullopt;
  release_pin();
  return on_unlinked(piece, ahead);
}

void ClientSession::end_hold() {
  if (std::exchange(draws_, Draws::kNone) == Draws::kUnasked)
    lease_pool_->sequence_habits().note(inserted_into_, false);
  pins_.set(PinReason::kSequence, false);
}

// Whether others wait for the server that is held, and have done so for long enough.
bool ClientSession::hold_is_over(Micros idle) const {
  return draws_ != Draws::kNone && idle >= kPatienceUs && lease_pool_->others_wait();
}

}  // namespace pgsaba::session
