// The part of ClientSession that passes requests on and replies back.
#include <algorithm>
#include <cctype>

#include "pgsaba/session/client_session.h"
#include "pgsaba/wire/backend.h"
#include "pgsaba/wire/sqlstate.h"
#include "session/client_login_state.h"
#include "session/deallocate.h"
#include "session/errors.h"
#include "session/orphaned_transaction.h"

namespace pgsaba::session {

using server::Request;
using server::ServerConnection;
using wire::ErrorFields;
using wire::Piece;
using wire::TransactionStatus;

namespace {

// Whether a simple query may be a COMMIT, END or PREPARE TRANSACTION, or contain one behind another
// statement: if its server dies, its fate is unknown also inside a transaction.
bool may_commit(Bytes sql) {
  const auto first = std::ranges::find_if(
      sql, [](std::uint8_t c) { return std::isspace(static_cast<unsigned char>(c)) == 0; });
  if (first == sql.end()) return false;
  const auto c = static_cast<char>(*first | 0x20);
  return c == 'c' || c == 'e' || c == 'p' || *first == '/' || *first == '-' ||
         text_of(sql).find(';') != std::string_view::npos;
}

// The text and (no) parameter types of a Parse.
constexpr std::string_view kDeallocateScratch{"DEALLOCATE _pgsaba_scratch\0\0\0", 29};

}  // namespace

// ---- frames of the client ----------------------------------------------------------------------

ClientSession::Taken ClientSession::on_frame(const Piece& piece) {
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
  return state_ == State::kLinked ? on_linked(piece) : on_unlinked(piece);
}

// What was sent before Terminate is still answered, as PostgreSQL does.
ClientSession::Taken ClientSession::leave() {
  leaving_ = true;
  if (state_ == State::kLinked && server_->pipeline().owed_ready() > 0) return Taken::kYes;
  if (server_ != nullptr) {
    part_from_server();
    transition(State::kIdle);
  }
  end_when_sent();
  return Taken::kYes;
}

// What needs no server is answered here; everything else waits for one.
ClientSession::Taken ClientSession::on_unlinked(const Piece& piece) {
  switch (piece.tag) {
    case 'd':
    case 'c':
    case 'f':  // what is left of a COPY that has failed: PostgreSQL ignores it too
      body_ = Body::kDrop;
      return Taken::kYes;
    case 'H':
      return Taken::kYes;
    case 'S': {
      std::string out;
      wire::append_ready(out, TransactionStatus::kIdle);
      send(out);
      return Taken::kYes;
    }
    default:
      break;
  }
  if (deallocates(piece)) {
    answer_deallocate(piece);
    return Taken::kYes;
  }
  if (acquire() == Taken::kNotYet) return Taken::kNotYet;
  return state_ == State::kLinked ? on_linked(piece) : Taken::kYes;
}

ClientSession::Taken ClientSession::acquire() {
  ErrorFields why;
  pool::Pool* pool = host_.route(*account_, why);
  if (pool == nullptr) {
    refused(why);
    return Taken::kNotYet;
  }
  lease_pool_ = pool;
  request_at_ = turn().now;
  if (ServerConnection* server = pool->take(settings_)) {
    link(*server);
    return Taken::kYes;
  }
  if (const auto refusal = pool->standing_refusal()) {
    refused(*refusal);
    return Taken::kNotYet;
  }
  transition(State::kWaiting);
  pool->enqueue(*this);
  return Taken::kNotYet;
}

void ClientSession::follow_route() {
  if (!wait_hook.linked()) return;
  ErrorFields why;
  pool::Pool* pool = host_.route(*account_, why);
  if (pool == nullptr || pool == lease_pool_) return;
  const Micros since = waiting_since;
  lease_pool_->leave(*this);
  lease_pool_ = pool;
  pool->enqueue(*this);
  waiting_since = since;
}

void ClientSession::link(ServerConnection& server) {
  server_ = &server;
  server.lend(*this);
  transition(State::kLinked);
  server.match(settings_, id_);
}

void ClientSession::granted(ServerConnection& server) {
  if (state_ == State::kWelcome) {
    server_ = &server;
    server.lend(*this);
    return begin_learning();
  }
  link(server);
  const Bytes input = gather(false);
  retain(consume(input));
  if (readable() || hung_up()) schedule();
}

// What it waited for will not come. A client that is already in keeps its connection: the statement
// fails, not the session.
void ClientSession::refused(const ErrorFields& error) {
  if (state_ == State::kWelcome) return end(EndReason::kNoServer, error);
  ErrorFields of_statement = error;
  of_statement.severity = "ERROR";
  host_.log_client(*this, error.message);
  request_at_ = 0;
  orphan_ = std::make_unique<OrphanedTransaction>(of_statement, false, false, false);
  transition(State::kOrphaned);
  schedule();
}

void ClientSession::forward(Request request, const Piece& piece) {
  if (request_at_ == 0) request_at_ = turn().now;
  body_ = Body::kForward;
  server_->forward(request, piece.bytes);
}

ClientSession::Taken ClientSession::on_query(const Piece& piece) {
  const server::Pipeline& pipeline = server_->pipeline();
  if (pipeline.status() != TransactionStatus::kFailed && deallocates(piece)) {
    if (pipeline.empty()) {
      answer_deallocate(piece);
      return Taken::kYes;
    }
    if (pipeline.owed_ready() > 0 && !pipeline.copying_in()) return Taken::kNotYet;
  }
  may_commit_ = !piece.complete || may_commit(piece.body());
  ++batches_sent_;
  forward(Request::kQuery, piece);
  return Taken::kYes;
}

ClientSession::Taken ClientSession::on_linked(const Piece& piece) {
  // After an error the server reads nothing up to the Sync: nothing need be sent either.
  if (server_->pipeline().skipping() && piece.tag != 'S') {
    body_ = Body::kDrop;
    return Taken::kYes;
  }
  switch (piece.tag) {
    case 'Q':
      return on_query(piece);
    case 'P':
      return on_parse(piece);
    case 'B':
      return on_bind(piece);
    case 'D':
    case 'C':
      return on_object(piece);
    case 'E':
      may_commit_ = true;
      forward(Request::kExecute, piece);
      return Taken::kYes;
    case 'S':
      ++batches_sent_;
      forward(Request::kSync, piece);
      return Taken::kYes;
    case 'F':
      ++batches_sent_;
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
  if (body_ == Body::kForward && server_ != nullptr) server_->forward_unanswered(piece.bytes);
  if (body_ != Body::kGather) return;
  gathered_->append(text_of(piece.bytes));
  if (!piece.complete) return;
  const auto frame = std::move(gathered_);
  body_ = Body::kDrop;
  if (server_ != nullptr) on_named_parse(bytes_of(*frame));
}

// ---- prepared statements -----------------------------------------------------------------------

// Whether a simple query is the DEALLOCATE of a statement that was prepared by protocol: no server
// knows it by the client's name.
bool ClientSession::deallocates(const Piece& piece) const {
  if (piece.tag != 'Q' || !piece.complete || !statements_ || piece.body().empty()) return false;
  const auto name = deallocated_name(text_of(piece.body().first(piece.body().size() - 1)));
  return name && find_statement(*name);
}

// Nothing is outstanding. Servers keep theirs, as after Close.
void ClientSession::answer_deallocate(const Piece& piece) {
  const std::string_view sql = text_of(piece.body().first(piece.body().size() - 1));
  statements_->change(*deallocated_name(sql), nullptr, batches_sent_);
  statements_->all_answered();
  idle_since_ = turn().now;
  std::string out;
  wire::append_command_complete(out, "DEALLOCATE");
  wire::append_ready(
      out, state_ == State::kLinked ? server_->pipeline().status() : TransactionStatus::kIdle);
  send(out);
}

server::PreparedRef ClientSession::find_statement(std::string_view name) const {
  return statements_ ? statements_->find(name) : nullptr;
}

NamedStatements& ClientSession::names() {
  if (!statements_) statements_ = std::make_unique<NamedStatements>();
  return *statements_;
}

// A name whose Parse belongs to an earlier batch that is not yet answered may exist or not: an
// error there would have skipped it. (In the same batch the error would skip this message as well.)
bool ClientSession::in_doubt(std::string_view name) const {
  return statements_ && statements_->in_doubt(name, batches_sent_);
}

ClientSession::Taken ClientSession::on_parse(const Piece& piece) {
  ++lease_pool_->totals().client_parse_count;
  const Bytes body = piece.body();
  const bool named = account_->pools_transactions() && account_->max_prepared_statements > 0 &&
                     !body.empty() && body[0] != 0;
  if (!named) return on_unnamed_parse(piece);
  if (piece.complete) return on_named_parse(piece.bytes);
  // Once it is gathered it cannot wait any more.
  if (server_->unsure() || (statements_ && statements_->any_in_doubt(batches_sent_)))
    return Taken::kNotYet;
  gathered_ = std::make_unique<std::string>(text_of(piece.bytes));
  body_ = Body::kGather;
  return Taken::kYes;
}

// Drivers send DEALLOCATE this way, too. The server gets one that it can execute.
ClientSession::Taken ClientSession::on_unnamed_parse(const Piece& piece) {
  const auto parse = statements_ && piece.complete ? wire::read_parse(piece.body()) : std::nullopt;
  const auto name = parse ? deallocated_name(parse->rest.data()) : std::nullopt;
  if (!name || server_->pipeline().status() == TransactionStatus::kFailed) {
    forward(Request::kParse, piece);
    return Taken::kYes;
  }
  if (in_doubt(*name)) return Taken::kNotYet;
  if (!find_statement(*name)) {
    forward(Request::kParse, piece);
    return Taken::kYes;
  }
  const std::uint32_t change = statements_->change(*name, nullptr, batches_sent_);
  if (request_at_ == 0) request_at_ = turn().now;
  server_->need_scratch_statement();
  std::string frame;
  wire::append_parse(frame, "", kDeallocateScratch);
  server_->forward(Request::kParse, bytes_of(frame), 0, change);
  return Taken::kYes;
}

ClientSession::Taken ClientSession::on_named_parse(Bytes frame) {
  const auto names = wire::read_parse(frame.subspan(wire::kHeaderBytes));
  if (!names) {  // broken: the server says what is wrong with it
    server_->forward(Request::kParse, frame);
    return Taken::kYes;
  }
  if (in_doubt(names->statement)) return Taken::kNotYet;
  if (request_at_ == 0) request_at_ = turn().now;
  const std::size_t limit = account_->max_prepared_statements;
  if (const server::PreparedRef existing = find_statement(names->statement)) {
    if (server_->unsure_of(existing->id)) return Taken::kNotYet;
    // The server itself refuses the duplicate, inside whatever transaction it is in.
    server_->need_statement(*existing, limit);
    std::string again;
    wire::append_parse(again, server::server_statement_name(existing->id), names->rest);
    server_->forward(Request::kParse, bytes_of(again), existing->id);
    return Taken::kYes;
  }
  if (server_->unsure()) return Taken::kNotYet;
  server::PreparedRef statement = host_.prepared_statements().intern(names->rest);
  ++lease_pool_->totals().server_parse_count;
  const std::uint32_t change = this->names().change(names->statement, statement, batches_sent_);
  server_->parse_statement(*statement, limit, change);
  return Taken::kYes;
}

ClientSession::Taken ClientSession::on_bind(const Piece& piece) {
  ++lease_pool_->totals().bind_count;
  const auto names = wire::read_bind(piece.body());
  const bool ours = names && !names->statement.empty() && account_->pools_transactions();
  if (ours && in_doubt(names->statement)) return Taken::kNotYet;
  const server::PreparedRef statement = ours ? find_statement(names->statement) : nullptr;
  if (!statement) {
    forward(Request::kBind, piece);
    return Taken::kYes;
  }
  if (server_->unsure_of(statement->id)) return Taken::kNotYet;
  if (request_at_ == 0) request_at_ = turn().now;
  server_->need_statement(*statement, account_->max_prepared_statements);
  const std::string name = server::server_statement_name(statement->id);
  // Only the head is rewritten; the parameters pass through where they lie.
  std::string head(1, 'B');
  const std::size_t length = piece.frame_bytes - 1 - names->statement.size() + name.size();
  head.resize(wire::kHeaderBytes);
  store_be32(reinterpret_cast<std::uint8_t*>(head.data()) + 1, static_cast<std::uint32_t>(length));
  head.append(names->portal).push_back('\0');
  head.append(name).push_back('\0');
  server_->forward(Request::kBind, bytes_of(head), statement->id);
  server_->forward_unanswered(piece.body().subspan(names->head_bytes));
  body_ = Body::kForward;
  return Taken::kYes;
}

ClientSession::Taken ClientSession::on_object(const Piece& piece) {
  const Request request = piece.tag == 'C' ? Request::kClose : Request::kDescribe;
  const auto object = wire::read_object(piece.body());
  const bool named = object && object->kind == 'S' && !object->name.empty();
  if (named && in_doubt(object->name)) return Taken::kNotYet;
  const server::PreparedRef statement = named ? find_statement(object->name) : nullptr;
  if (!statement) {
    forward(request, piece);
    return Taken::kYes;
  }
  if (piece.tag == 'C') {  // servers keep theirs: others may use it
    const std::uint32_t change = statements_->change(object->name, nullptr, batches_sent_);
    server_->answer(Request::kClose, statement->id, change);
    return Taken::kYes;
  }
  if (server_->unsure_of(statement->id)) return Taken::kNotYet;
  server_->need_statement(*statement, account_->max_prepared_statements);
  std::string frame;
  wire::append_describe_statement(frame, server::server_statement_name(statement->id));
  if (request_at_ == 0) request_at_ = turn().now;
  server_->forward(Request::kDescribe, bytes_of(frame), statement->id);
  return Taken::kYes;
}

void ClientSession::change_undone(std::uint32_t change) {
  if (statements_) statements_->undo(change);
}

void ClientSession::statements_discarded() {
  if (statements_) statements_->discard_all(batches_answered_);
}

std::string ClientSession::statement_name(std::uint32_t id) {
  return statements_ ? statements_->name_of(id) : std::string();
}

// ---- replies of the server ---------------------------------------------------------------------

void ClientSession::server_sent(Bytes bytes) {
  if (state_ == State::kWelcome) return learn_from(bytes);
  lease_pool_->totals().bytes_sent += bytes.size();
  send(bytes);
}

void ClientSession::parameter_changed(std::string_view name, std::string_view value) {
  if (state_ == State::kWelcome) {
    for (auto& [known, current] : login_->learned)
      if (known == name) current = value;
    return;
  }
  settings_ = host_.settings().with(settings_, name, value);
  server_->settings_are(settings_);
}

void ClientSession::count_request() {
  stats::TrafficTotals& totals = lease_pool_->totals();
  ++totals.query_count;
  if (request_at_ != 0)
    totals.query_time_us += static_cast<std::uint64_t>(turn().now - request_at_);
}

void ClientSession::server_ready() {
  if (state_ == State::kWelcome) return finish_learning();
  count_request();
  const server::Pipeline& pipeline = server_->pipeline();
  const bool idle = pipeline.status() == TransactionStatus::kIdle;
  if (transaction_at_ == 0) transaction_at_ = request_at_ != 0 ? request_at_ : turn().now;
  request_at_ = 0;
  idle_since_ = turn().now;
  if (idle) {
    stats::TrafficTotals& totals = lease_pool_->totals();
    ++totals.xact_count;
    totals.xact_time_us += static_cast<std::uint64_t>(turn().now - transaction_at_);
    transaction_at_ = 0;
  } else if (account_->limits.pool_mode == config::PoolMode::kStatement) {
    return end(EndReason::kModeViolation, errors::statement_mode());
  }
  ++batches_answered_;
  if (statements_) statements_->answered(batches_answered_);
  if (pipeline.empty()) {
    batches_answered_ = batches_sent_;
    if (statements_) statements_->all_answered();
    if (leaving_) {
      unlink();
      return end_when_sent();
    }
  }
  // A Parse of which a part has come already is for this server.
  const bool gathering = body_ == Body::kGather;
  if (gathering) request_at_ = turn().now;
  if (pipeline.empty() && idle && !gathering && account_->pools_transactions()) unlink();
  if (has_carry()) schedule();
}

void ClientSession::unlink() {
  ServerConnection* server = std::exchange(server_, nullptr);
  transition(State::kIdle);
  lease_pool_->give_back(*server);
}

void ClientSession::server_lost(ServerConnection& server, server::CloseReason reason,
                                bool mid_frame) {
  const server::Pipeline& pipeline = server.pipeline();
  const bool in_transaction = pipeline.status() != TransactionStatus::kIdle;
  const bool in_flight = !pipeline.empty();
  server_ = nullptr;
  const ErrorFields& last = server.last_error();
  const std::string what =
      last.message.empty() ? std::string(describe(reason)) : last.severity + ": " + last.message;
  batches_answered_ = batches_sent_;
  if (statements_) statements_->all_answered();
  // The client broke the protocol beyond repair: PostgreSQL's own word and the end, as without us.
  if (server.last_error_told() && state_ == State::kLinked) return end(EndReason::kProtocolError);
  ErrorFields error = errors::server_lost(what, in_flight, in_transaction && !may_commit_);
  if (state_ != State::kLinked || mid_frame || !account_->pools_transactions()) {
    error.severity = "FATAL";
    return mid_frame ? end(EndReason::kServerLost) : end(EndReason::kServerLost, error);
  }
  request_at_ = transaction_at_ = 0;
  const std::size_t owed = pipeline.owed_ready();
  const bool gathering = body_ == Body::kGather;
  const bool batch_open = owed == 0 && (in_flight || gathering);
  std::string out;
  // A batch that has failed already only waits for its Sync.
  const bool first_word = batch_open && !pipeline.skipping();
  for (std::size_t i = 0; i < std::max<std::size_t>(owed, first_word ? 1 : 0); ++i) {
    wire::append_error(out, 'E', error);
    if (owed > 0)
      wire::append_ready(out,
                         in_transaction ? TransactionStatus::kFailed : TransactionStatus::kIdle);
  }
  send(out);
  if (leaving_) {
    transition(State::kIdle);
    return end_when_sent();
  }
  if (in_transaction || batch_open) {
    orphan_ = std::make_unique<OrphanedTransaction>(error, in_flight, batch_open, in_transaction);
    transition(State::kOrphaned);
  } else {
    transition(State::kIdle);
  }
  if (has_carry() || readable()) schedule();
}

ClientSession::Taken ClientSession::on_orphaned(const Piece& piece) {
  if (piece.tag == 'X') return leave();
  std::string named;
  if (piece.complete && piece.tag == 'B') {
    if (const auto names = wire::read_bind(piece.body()))
      if (const auto statement = find_statement(names->statement)) named = statement->query();
  } else if (piece.complete && piece.tag == 'D') {
    if (const auto object = wire::read_object(piece.body()))
      if (const auto statement = find_statement(object->name)) named = statement->query();
  } else if (piece.complete && piece.tag == 'C' && statements_ && !orphan_->skipping()) {
    const auto object = wire::read_object(piece.body());
    if (object && object->kind == 'S') statements_->change(object->name, nullptr, batches_sent_);
    statements_->all_answered();
  }
  std::string out;
  body_ = Body::kDrop;
  const bool over = orphan_->on_frame(piece.tag, piece.body(), named, out);
  send(out);
  if (over) {
    orphan_.reset();
    transition(State::kIdle);
  }
  return Taken::kYes;
}

}  // namespace pgsaba::session
