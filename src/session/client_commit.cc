// The part of ClientSession that finds out what has become of a COMMIT whose server was lost before
// it answered. In front of such a COMMIT its transaction's id is asked for, in the same write; if
// the server dies, the control thread asks whoever serves on the same timeline for that id's fate,
// and the client waits for that in kDoubt.
#include "pgsaba/base/log.h"
#include "pgsaba/session/client_session.h"
#include "pgsaba/wire/backend.h"
#include "pgsaba/wire/frontend.h"
#include "session/commit_watch.h"
#include "session/errors.h"
#include "session/lease_traces.h"
#include "session/orphaned_transaction.h"
#include "session/query_text.h"
#include "session/unnamed_statement.h"

namespace pgsaba::session {

using server::ServerConnection;
using wire::Piece;
using wire::TransactionStatus;

// The text that the message runs, or may be about to run; empty: it shows none.
std::string_view ClientSession::text_of_request(const Piece& piece) const {
  if (!piece.complete) return {};
  if (piece.tag != 'B') return text_of_statement(piece);
  const auto bind = wire::read_bind(piece.body());
  if (!bind) return {};
  if (bind->statement.empty()) return unnamed_ ? unnamed_->query() : std::string_view();
  const auto statement = find_statement(bind->statement);  // it outlives this: the client has it
  return statement ? statement->query() : std::string_view();
}

// Before the message is sent. Nothing is asked for what has only read, nor within a batch: the
// question is a Query of its own. False: the message has nothing to do with a COMMIT.
bool ClientSession::watches_commit(const Piece& piece) {
  if (commit_) return true;
  if (piece.tag != 'Q' && piece.tag != 'P' && piece.tag != 'B') return false;
  const server::Pipeline& pipeline = server_->pipeline();
  if (!wrote_ || read_ || !pipeline.empty() || pipeline.status() != TransactionStatus::kInBlock)
    return false;
  const auto end = sql::plain_end(text_of_request(piece), dialect_);
  if (!end || !end->commit || end->chain) return false;
  commit_ = std::make_unique<CommitWatch>(turn().now);
  server_->ask(CommitWatch::kQuestion);
  return true;
}

void ClientSession::commit_asked(Bytes frames) {
  if (commit_->is_answered()) return;
  commit_->answered(frames);
  if (!commit_->has_failed()) return;
  log::warning("routing.xact_status: a COMMIT of {}/{} failed because of it: {}", database(),
               user(), error_in(frames)->message);
}

// Whether it can be found out: not of a server whose place is another one's by now. What else the
// transaction has changed in the server's session would not be known.
bool ClientSession::may_ask_fate(const ServerConnection& server) const {
  constexpr sql::Effects kMinor = sql::effect::kSequence;
  const bool traced = traces_ && (traces_->effects() & kLasting & ~kMinor) != 0;
  if (!lease_pool_->serves_at(server.address())) return false;
  return commit_ && !leaving_ && !pins_.any() && !traced && !server.has_committed() &&
         body_ == Body::kForward && commit_->is_whole(server.pipeline().owed());
}

void ClientSession::seek_fate(std::string what) {
  if (traces_) traces_->clear();
  loss_ = std::make_unique<std::string>(std::move(what));
  idle_since_ = turn().now;
  transition(State::kDoubt);
  host_.seek_fate(*this, commit_->mark(), lease_pool_->key().server);
}

// Whoever looks for the answer gives up by itself, in time; should it not be heard of, so does
// this.
void ClientSession::check_doubt(Micros now) {
  constexpr Micros kAnswerUs = 10 * kSecond;
  const Micros limit = host_.config().timeouts.failover_wait_us + kAnswerUs;
  if (now - idle_since_ >= limit) fate_known(commit_->mark().xid, routing::Fate::kUnknown);
}

void ClientSession::fate_known(std::uint64_t xid, routing::Fate fate) {
  if (state_ != State::kDoubt || !commit_ || commit_->mark().xid != xid) return;
  const auto commit = std::exchange(commit_, nullptr);
  const auto loss = std::exchange(loss_, nullptr);
  host_.log_client(*this, "the fate of its COMMIT: " + std::string(routing::text_of(fate)));
  request_at_ = transaction_at_ = 0;
  idle_since_ = turn().now;
  if (fate == routing::Fate::kCommitted) {
    note_written();  // it may have been committed after its server was lost
    told_ = TransactionStatus::kIdle;
    send(commit->replies());
    transition(State::kIdle);
    return schedule();
  }
  const wire::ErrorFields error = errors::commit_lost(*loss, fate == routing::Fate::kRolledBack);
  std::string out;
  wire::append_error(out, 'E', error);
  wire::append_ready(out, TransactionStatus::kFailed);
  send(out);
  host_.error_told(*this, error, {});
  orphan_ = std::make_unique<OrphanedTransaction>(error, true, false, true);
  transition(State::kOrphaned);
  schedule();
}

}  // namespace pgsaba::session
