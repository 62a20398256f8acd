// The part of ClientSession that takes the client's messages: what they are, and whether they need
// a server.
#include "pgsaba/session/client_session.h"
#include "pgsaba/wire/backend.h"
#include "pgsaba/wire/frontend.h"
#include "session/client_login_state.h"
#include "session/commit_watch.h"
#include "session/data_access.h"
#include "session/errors.h"
#include "session/lease_traces.h"
#include "session/lesson.h"
#include "session/listening.h"
#include "session/orphaned_transaction.h"
#include "session/pin_foresight.h"
#include "session/query_text.h"
#include "session/set_batch.h"

namespace pgsaba::session {

using server::Request;
using sql::Command;
using wire::Piece;
using wire::TransactionStatus;

// What nearly every statement is told from by its first word, before its text is read once more.
static bool may_define_database(Command command) {
  return command == Command::kCreate || command == Command::kAlter || command == Command::kDrop;
}

// Of a Query, or of a Parse that is whole: a broken one has none.
std::string_view ClientSession::text_of_statement(const Piece& piece) {
  if (piece.tag == 'Q') return query_text(piece);
  const auto parse = wire::read_parse(piece.body());
  return parse ? parse->rest.substr(0, parse->rest.find('\0')) : std::string_view();
}

ClientSession::Taken ClientSession::on_frame(const Piece& piece, Bytes ahead) {
  switch (state_) {
    case State::kLogin:
      on_login_frame(piece);
      return Taken::kYes;
    case State::kConsole:
      if (piece.tag == 'X') {
        end(EndReason::kClientTerminated);
      } else if (!piece.complete) {
        fail_protocol("message too long for the admin console");
      } else {
        host_.console_input(*this, piece.bytes);
      }
      return Taken::kYes;
    case State::kOrphaned:
      return on_orphaned(piece);
    default:
      break;
  }
  if (piece.tag == 'X') return leave();
  if (piece.tag == 'p') {
    fail_protocol("unexpected password message");
    return Taken::kYes;
  }
  if (state_ == State::kIdle && mode_ != account_->limits.pool_mode) follow_mode(piece);
  const bool linked = state_ == State::kLinked;
  if (between_batches() && awaits_rest(ahead)) return Taken::kNotYet;
  if (piece.tag == 'Q' || piece.tag == 'P') read_query(piece);
  return linked ? on_linked(piece, ahead) : on_unlinked(piece, ahead);
}

// A query is read once, here; a text that did not arrive in one piece may be anything.
void ClientSession::read_query(const Piece& piece) {
  if (!pools_transactions()) {
    query_ = {Command::kOther, true, sql::effect::kNone, sql::Access::kWrite};
  } else if (!piece.complete) {
    query_ = {Command::kOther, false, sql::effect::kAll, sql::Access::kWrite};
  } else {
    query_ = read(text_of_statement(piece));
    if (may_define_database(query_.command) &&
        sql::defines_database(text_of_statement(piece), dialect_))
      host_.leave_databases();
  }
  foresees_ = foresees_ || (query_.effects & kForeseeable) != 0;
}

TransactionStatus ClientSession::own_status() const {
  if (state_ == State::kLinked) return server_->pipeline().status();
  return state_ == State::kBegun ? TransactionStatus::kInBlock : TransactionStatus::kIdle;
}

void ClientSession::reply(std::string_view frames) {
  std::string out(frames);
  told_ = own_status();
  wire::append_ready(out, told_);
  idle_since_ = turn().now;
  if (state_ == State::kIdle)
    host_.phase_changed(*this, Phase::kIdle, Phase::kIdle);  // in its order
  send(out);
  count_own_answer(out.size());
}

// It is a query like any other to whoever looks at the statistics.
void ClientSession::count_own_answer(std::size_t bytes) {
  pool::Pool* pool = server_ != nullptr ? lease_pool_ : account_->pool;
  if (pool == nullptr) return;
  stats::TrafficTotals& totals = pool->totals();
  ++totals.query_count;
  pool->times().queries.add(0);
  totals.bytes_sent += bytes;
  if (told_ != TransactionStatus::kIdle) return;
  ++totals.xact_count;
  pool->times().transactions.add(0);
}

// What needs no server is answered here; everything else waits for one.
ClientSession::Taken ClientSession::on_unlinked(const Piece& piece, Bytes ahead) {
  if (batch_answer_) {
    if (piece.tag == 'S') reply(*std::exchange(batch_answer_, nullptr));
    return Taken::kYes;
  }
  switch (piece.tag) {
    case 'd':
    case 'c':
    case 'f':  // what is left of a COPY that has failed: PostgreSQL ignores it too
      body_ = Body::kDrop;
      return Taken::kYes;
    case 'H':
      return Taken::kYes;
    case 'S':
      reply({});
      return Taken::kYes;
    case 'Q':
      if (answer_unlinked(piece)) return Taken::kYes;
      break;
    case 'P':
      if (answer_batch_as_known(ahead)) return Taken::kYes;
      break;
    default:
      break;
  }
  const ReadRequest read = as_read(piece, ahead);
  const Pins keeps = read.bytes > 0 ? Pins() : foresee(piece);
  if (acquire(keeps, read) == Taken::kNotYet || state_ != State::kLinked) return Taken::kNotYet;
  if (read.bytes > 0) keep_request(read, ahead);
  return on_linked(piece, ahead);
}

// Nothing of the next one was sent or answered.
bool ClientSession::between_batches() const {
  if (state_ != State::kLinked) return !batch_answer_;
  const server::Pipeline& pipeline = server_->pipeline();
  return !pipeline.batch_open() && !pipeline.skipping() && !pipeline.copying_in();
}

// What stands in a batch before it asks for an answer.
static bool belongs_to_batch(char tag) {
  return std::string_view("PBDEC").find(tag) != std::string_view::npos;
}

// What has come ends in the middle of a message, before any answer is due, and all of it fits into
// what is kept of a client: it need not hold a server meanwhile. Behind whatever has ended with a
// Sync, nobody has to look.
bool ClientSession::awaits_rest(Bytes ahead) const {
  constexpr std::string_view kSync("S\0\0\0\4", 5);
  if (text_of(ahead).ends_with(kSync) || ended() || hung_up()) return false;
  std::size_t at = 0;
  while (ahead.size() - at >= wire::kHeaderBytes) {
    const std::size_t next = at + 1 + load_be32(ahead.data() + at + 1);
    if (next < at + wire::kHeaderBytes) return false;  // broken, as will be found out
    if (next > ahead.size()) break;
    if (!belongs_to_batch(static_cast<char>(ahead[at]))) return false;
    at = next;
  }
  if (at == ahead.size()) return false;
  const bool known = ahead.size() - at >= wire::kHeaderBytes;
  const std::size_t size = known ? 1 + load_be32(ahead.data() + at + 1) : wire::kHeaderBytes;
  return at + size <= net::Turn::kCarryRoomBytes;
}

// Queries whose answer is known without a server.
bool ClientSession::answer_unlinked(const Piece& piece) {
  if (!pools_transactions() || !query_.single) return false;
  switch (query_.command) {
    case Command::kEmpty:
      if (!piece.complete || piece.body().empty()) return false;  // no text is none that is empty
      drop_unnamed_statement();
      reply(wire::kEmptyQuery);
      return true;
    case Command::kBegin:
      return state_ == State::kIdle && begin_later(query_text(piece));
    case Command::kCommit:
    case Command::kRollback:
      return state_ == State::kBegun && end_unbegun(query_text(piece));
    case Command::kSet:
    case Command::kShow:
      return piece.complete && answer_as_known(query_text(piece));
    case Command::kDeallocate:
      if (!deallocates(piece)) return false;
      answer_deallocate(piece);
      return true;
    default:
      return false;
  }
}

// BEGIN waits for the statement that follows it. A form that PostgreSQL might refuse does not.
bool ClientSession::begin_later(std::string_view sql) {
  if (mode_ != config::PoolMode::kTransaction) return false;
  const auto begin = sql::plain_begin(sql, dialect_);
  if (!begin) return false;
  drop_unnamed_statement();
  begin_sql_ = sql;
  transaction_at_ = turn().now;
  transition(State::kBegun);
  std::string out;
  wire::append_command_complete(out, begin->start ? "START TRANSACTION" : "BEGIN");
  reply(out);
  return true;
}

// The transaction is over before anything happened in it: no server ever hears of it.
bool ClientSession::end_unbegun(std::string_view sql) {
  const auto end = sql::plain_end(sql, dialect_);
  if (!end) return false;
  drop_unnamed_statement();
  if (!end->chain) {
    begin_sql_.clear();
    transaction_at_ = 0;
    transition(State::kIdle);
  }
  std::string out;
  wire::append_command_complete(out, end->commit ? "COMMIT" : "ROLLBACK");
  reply(out);
  return true;
}

void ClientSession::forward(Request request, const Piece& piece) {
  if (request_at_ == 0) request_at_ = turn().now;
  body_ = Body::kForward;
  server_->forward(request, piece.bytes);
}

ClientSession::Taken ClientSession::on_query(const Piece& piece) {
  const server::Pipeline& pipeline = server_->pipeline();
  if (query_.command == Command::kDeallocate && pipeline.status() != TransactionStatus::kFailed &&
      deallocates(piece)) {
    if (pipeline.empty()) {
      answer_deallocate(piece);
      return Taken::kYes;
    }
    if (pipeline.owed_ready() > 0 && !pipeline.copying_in()) return Taken::kNotYet;
  }
  const std::string_view text = piece.complete ? query_text(piece) : std::string_view();
  if ((query_.effects & sql::effect::kPrepared) != 0 && leave_names(text) == Taken::kNotYet)
    return Taken::kNotYet;
  may_commit_ = query_.command == Command::kCommit ||
                query_.command == Command::kPrepareTransaction ||
                (query_.effects & sql::effect::kTransaction) != 0;
  sql::Effects effects = query_.effects;
  // EXECUTE uses names, and changes none.
  if (query_.command == Command::kExecute && query_.single) effects &= ~sql::effect::kPrepared;
  const std::size_t given_up_before = traces_ ? traces_->given_up().size() : 0;
  // A function that is made now may set them later, out of sight.
  if (query_.command == Command::kCreate)
    for (const std::string& name : sql::hidden_settings(text)) host_.custom_names().learn(name);
  note_statement(effects | match_names(query_.effects, text), text);
  if (touches_data(query_)) note_access(data_access(query_));
  drop_unnamed_statement();
  if (batches_sent_++ == batches_before_lease_ && piece.complete) begin_lesson(text);
  const bool in_block = pipeline.empty() && pipeline.status() == TransactionStatus::kInBlock;
  forward(Request::kQuery, piece);
  const bool gives_up = traces_ && traces_->given_up().size() > given_up_before;
  if (gives_up && in_block && query_.single) mark_given_up();
  return Taken::kYes;
}

ClientSession::Taken ClientSession::on_execute(const Piece& piece) {
  if (traces_ && traces_->has_portals()) {
    const std::string_view portal = query_text(piece);  // what an Execute begins with, too
    const std::string* text = traces_->text_of_portal(portal);
    if (text != nullptr && leave_names(*text) == Taken::kNotYet) return Taken::kNotYet;
  }
  may_commit_ = true;
  forward(Request::kExecute, piece);
  return Taken::kYes;
}

// Where data of a COPY is expected the server ends the connection over these; nothing of ours may
// come in between.
static std::optional<Request> ends_copy(char tag) {
  switch (tag) {
    case 'Q':
      return Request::kQuery;
    case 'F':
      return Request::kFunctionCall;
    case 'P':
      return Request::kParse;
    case 'B':
      return Request::kBind;
    case 'D':
      return Request::kDescribe;
    case 'C':
      return Request::kClose;
    case 'E':
      return Request::kExecute;
    default:
      return std::nullopt;
  }
}

ClientSession::Taken ClientSession::on_linked(const Piece& piece, Bytes ahead) {
  // A cancel request is not to hit what its client sends once its statement is over.
  if (server_->cancels_in_flight > 0 && cancel_target() == nullptr) {
    if (request_at_ == 0) request_at_ = turn().now;
    return Taken::kNotYet;
  }
  if (draws_ != Draws::kNone)
    if (const auto taken = take_held(piece, ahead)) return *taken;
  // It must not be executed outside of the transaction, should that not begin.
  if (server_->beginning() && batches_sent_ > batches_before_lease_) return Taken::kNotYet;
  if (reads_on_primary_ && !request_seen_) keep_request(as_read(piece, ahead), ahead);
  // What follows on the primary may be a write, which must not come twice.
  if (!read_ && !request_.empty() && batches_sent_ > batches_before_lease_) forget_request();
  if (read_ && !pins_.any()) {
    const Taken taken = check_standby(piece, ahead);
    if (taken == Taken::kNotYet || state_ != State::kLinked) return taken;
  }
  // After an error the server reads nothing up to the Sync: nothing need be sent either.
  if (server_->pipeline().skipping() && piece.tag != 'S') {
    body_ = Body::kDrop;
    return Taken::kYes;
  }
  // What a COPY waits for waits for nothing.
  if (server_->pipeline().copying_in()) {
    const auto request = ends_copy(piece.tag);
    if (!request) return send_on(piece, ahead);
    forward(*request, piece);
    return Taken::kYes;
  }
  // Without a Sync in front a Query is skipped, as all behind it, if anything of its batch fails.
  // What of pgsaba's own goes with it, and where it ends a batch, has to be known.
  if ((piece.tag == 'Q' || piece.tag == 'F') && server_->pipeline().batch_in_doubt()) {
    server_->ask_for_all_replies();
    return Taken::kNotYet;
  }
  if (server_->has_own_portal() && piece.tag != 'Q') server_->close_own_portal();
  if (names_have_to_wait(piece)) return Taken::kNotYet;
  if (const auto taken = refuse_reserved_name(piece)) return *taken;
  if (const auto taken = reserve_pin(piece)) return *taken;
  if (!account_->asks_fate || !watches_commit(piece)) return send_on(piece, ahead);
  const Taken taken = send_on(piece, ahead);
  if (taken == Taken::kYes && commit_) commit_->sent(piece.tag, piece.body());
  return taken;
}

// What is under way may end a failed transaction, in which no names could be matched, forget all
// names, or skip what gives one.
bool ClientSession::names_have_to_wait(const Piece& piece) {
  if (server_->names_in_doubt()) return true;
  const server::Pipeline& pipeline = server_->pipeline();
  const bool named = server_->has_names() || (statements_ && !statements_->by_sql().empty());
  if (named && pipeline.status() == TransactionStatus::kFailed && pipeline.owed_ready() > 0)
    return true;
  if (piece.tag != 'S' && piece.tag != 'E' && server_->waits_to_forget()) return true;
  const bool names = (piece.tag == 'Q' || piece.tag == 'P') && piece.complete &&
                     (query_.effects & sql::effect::kPrepared) != 0;
  return names && uses_doubtful_names(query_.effects, text_of_statement(piece));
}

ClientSession::Taken ClientSession::send_on(const Piece& piece, Bytes ahead) {
  switch (piece.tag) {
    case 'Q':
      return on_query(piece);
    case 'P':
      if (query_.command == Command::kSet && batches_sent_ == batches_before_lease_)
        if (const auto batch = read_set_batch(ahead)) begin_lesson(batch->text);
      return on_parse(piece);
    case 'B':
      return on_bind(piece);
    case 'D':
    case 'C':
      return on_object(piece);
    case 'E':
      return on_execute(piece);
    case 'S':
      ++batches_sent_;
      forward(Request::kSync, piece);
      return Taken::kYes;
    case 'F':  // its session is asked for everything, which must not be another client's
      ++batches_sent_;
      match_names(sql::effect::kUnknownCode, {});
      note_statement(sql::effect::kUnknownCode, {});
      note_access(sql::Access::kWrite);
      forward(Request::kFunctionCall, piece);
      return Taken::kYes;
    case 'c':
    case 'f':
      forward(Request::kCopyEnd, piece);
      return Taken::kYes;
    default:  // CopyData and Flush owe no reply
      body_ = Body::kForward;
      server_->forward_unanswered(piece.bytes);
      return Taken::kYes;
  }
}

void ClientSession::on_body(const Piece& piece) {
  if (body_ == Body::kForward && server_ != nullptr) {
    server_->forward_unanswered(piece.bytes);
    if (piece.complete && state_ == State::kLinked && lease_is_over()) {
      request_at_ = 0;
      end_lease();
    }
  }
  if (body_ != Body::kGather) return;
  gathered_->append(text_of(piece.bytes));
  if (!piece.complete) return;
  const auto frame = std::move(gathered_);
  body_ = Body::kDrop;
  if (server_ == nullptr) return;
  const auto parse = wire::read_parse(bytes_of(*frame).subspan(wire::kHeaderBytes));
  if (parse) query_ = read(parse->rest.data());
  on_named_parse(bytes_of(*frame));
}

}  // namespace pgsaba::session
