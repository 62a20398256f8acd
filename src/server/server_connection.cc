#include "pgsaba/server/server_connection.h"

#include "pgsaba/wire/backend.h"
#include "pgsaba/wire/sqlstate.h"

namespace pgsaba::server {

using wire::Piece;

ServerConnection::ServerConnection(net::Turn& turn, ServerOwner& owner,
                                   std::shared_ptr<const ServerTarget> target,
                                   auth::ScramKeyCache& keys, std::uint64_t id)
    : Connection(turn, Side::kServer),
      owner_(&owner),
      target_(std::move(target)),
      login_(target_, keys),
      id_(id),
      opened_at_(turn.now) {}

Status ServerConnection::open_connection(const net::SocketOptions& options) {
  const auto socket = turn().network.connect(target_->address, options);
  if (!socket) return socket.error();
  attach_connecting(*socket);
  std::string first;
  login_.start(first);
  send(first);
  return done();
}

// ---- on lease ----------------------------------------------------------------------------------

void ServerConnection::lend(LeaseHolder& holder) {
  holder_ = &holder;
  state_ = State::kLent;
}

void ServerConnection::match(const SettingsRef& wanted, std::uint64_t client_id) {
  // What a client has set out of our sight is still there if nobody else came in between.
  const bool untouched = last_client_ == client_id;
  last_client_ = client_id;
  if (settings_known_ ? same_settings(settings_, wanted) : untouched) return;
  const std::string sql = settings_known_ ? difference_sql(settings_, wanted) : restore_sql(wanted);
  settings_ = wanted;
  settings_known_ = true;
  if (sql.empty()) return;
  std::string frame;
  wire::append_query(frame, sql);
  pipeline_.expect({Request::kQuery, Disposition::kSwallow});
  send(frame);
}

void ServerConnection::forward(Request request, Bytes bytes, std::uint32_t statement,
                               std::uint32_t change) {
  pipeline_.expect({request, Disposition::kForward, false, statement, change});
  forget_skipped();
  send(bytes);
}

void ServerConnection::need_statement(const PreparedStatement& statement, std::size_t limit) {
  if (statements_.knows(statement.id)) return;
  std::string frames;
  make_room(limit, frames);
  wire::append_parse(frames, server_statement_name(statement.id), statement.rest);
  statements_.learn(statement.id);
  pipeline_.expect({Request::kParse, Disposition::kSwallow, true, statement.id});
  forget_skipped();
  send(frames);
}

// An earlier one is still there if an error skipped its DEALLOCATE. The empty text makes a
// statement even in a failed transaction.
void ServerConnection::need_scratch_statement() {
  std::string frames;
  wire::append_close_statement(frames, kScratchStatement);
  wire::append_parse(frames, kScratchStatement, {"\0\0\0", 3});
  pipeline_.expect({Request::kClose, Disposition::kSwallow});
  pipeline_.expect({Request::kParse, Disposition::kSwallow});
  send(frames);
}

void ServerConnection::parse_statement(const PreparedStatement& statement, std::size_t limit,
                                       std::uint32_t change) {
  const std::string name = server_statement_name(statement.id);
  std::string frames;
  if (statements_.knows(statement.id)) {  // the client gets a real answer, not a remembered one
    wire::append_close_statement(frames, name);
    pipeline_.expect({Request::kClose, Disposition::kSwallow, false, statement.id});
  } else {
    make_room(limit, frames);
  }
  wire::append_parse(frames, name, statement.rest);
  statements_.learn(statement.id);
  pipeline_.expect({Request::kParse, Disposition::kForward, true, statement.id, change});
  forget_skipped();
  send(frames);
}

void ServerConnection::make_room(std::size_t limit, std::string& frames) {
  const auto victim = statements_.evict(limit);
  if (!victim) return;
  wire::append_close_statement(frames, server_statement_name(*victim));
  pipeline_.expect({Request::kClose, Disposition::kSwallow, false, *victim});
}

void ServerConnection::answer(Request request, std::uint32_t statement, std::uint32_t change) {
  pipeline_.expect({request, Disposition::kSynthesize, false, statement, change});
  forget_skipped();
  make_answers();
}

// ---- between leases ----------------------------------------------------------------------------

void ServerConnection::release() {
  holder_ = nullptr;
  state_ = State::kIdle;
}

void ServerConnection::clean(std::string_view sql, bool resets_session) {
  holder_ = nullptr;
  state_ = State::kCleaning;
  if (resets_session) {
    settings_ = nullptr;
    settings_known_ = true;
    statements_.forget_all();
  }
  std::string frame;
  wire::append_query(frame, sql);
  pipeline_.expect({Request::kQuery, Disposition::kSwallow});
  send(frame);
}

void ServerConnection::shut() {
  if (open() && state_ != State::kLogin) {
    std::string farewell;
    wire::append_terminate(farewell);
    send(farewell);
    flush();
  }
  state_ = State::kClosed;
  holder_ = nullptr;
  close();
}

net::Socket ServerConnection::give_away() {
  assert(state_ == State::kIdle && holder_ == nullptr);
  return detach();
}

void ServerConnection::adopt(net::Turn& turn, ServerOwner& owner, net::Socket socket) {
  move_to(turn);
  owner_ = &owner;
  attach(socket);
}

void ServerConnection::lost(CloseReason reason) {
  if (state_ == State::kClosed) return;
  const bool mid_frame = !reader_.at_boundary() && !body_swallowed_;
  state_ = State::kClosed;
  LeaseHolder* holder = std::exchange(holder_, nullptr);
  if (holder != nullptr) holder->server_lost(*this, reason, mid_frame);
  owner_->server_closed(*this, reason);
}

// ---- the server speaks -------------------------------------------------------------------------

void ServerConnection::step() {
  if (state_ == State::kClosed) return;
  const bool paused = holder_ != nullptr && !holder_->accepts_bytes();
  const Bytes input = gather(!paused);
  std::size_t used = 0;
  if (state_ == State::kLogin) step_login(input, used);
  if (state_ != State::kLogin && state_ != State::kClosed) step_replies(input, used);
  retain(used);
  if (state_ == State::kClosed || (!broken() && !ended())) return;
  lost(state_ == State::kLogin ? CloseReason::kConnectFailed : CloseReason::kServerClosed);
}

void ServerConnection::drained() {
  if (holder_ != nullptr) holder_->server_drained();
}

void ServerConnection::step_login(Bytes input, std::size_t& used) {
  std::string out;
  auto outcome = ServerLogin::Outcome::kContinue;
  while (outcome == ServerLogin::Outcome::kContinue) {
    const Piece piece = reader_.next(input.subspan(used), wire::kWholeFrameBytes);
    if (piece.kind == Piece::Kind::kNeedMore) break;
    if (piece.kind != Piece::Kind::kFrame) return lost(CloseReason::kProtocolError);
    used += piece.bytes.size();
    outcome = login_.on_message(piece.tag, piece.body(), out);
  }
  send(out);
  if (outcome == ServerLogin::Outcome::kFailed) {
    last_error_ = login_.error();
    return lost(CloseReason::kLoginFailed);
  }
  if (outcome == ServerLogin::Outcome::kContinue) return;
  state_ = State::kIdle;
  idle_since = turn().now;
  owner_->server_logged_in(*this);
}

void ServerConnection::step_replies(Bytes input, std::size_t& used) {
  Run run{input, used, used};
  while (run.end < input.size() && state_ != State::kClosed) {
    const Piece piece = reader_.next(input.subspan(run.end), 0);
    if (piece.kind == Piece::Kind::kNeedMore) break;
    if (piece.kind == Piece::Kind::kMalformed) {
      pass_on(run);
      lost(CloseReason::kProtocolError);
      break;
    }
    judge(piece, run);
  }
  if (state_ != State::kClosed) pass_on(run);
  used = run.end;
}

void ServerConnection::judge(const Piece& piece, Run& run) {
  if (piece.kind == Piece::Kind::kBody) {
    if (body_swallowed_) {
      swallow(run, piece);
    } else {
      run.end += piece.bytes.size();
    }
    if (piece.complete) body_swallowed_ = false;
    return;
  }
  body_swallowed_ = !piece.complete;  // until it is found to be for the client
  if (holder_ == nullptr && state_ == State::kIdle) return judge_unlent(piece, run);
  switch (piece.tag) {
    case 'Z':
      return judge_ready(piece, run);
    case 'E':
      return judge_error(piece, run);
    default:
      break;
  }
  const Pipeline::Verdict verdict = pipeline_.reply(piece.tag);
  const bool ours = verdict.action == Pipeline::Action::kSwallow;
  // Rows come in thousands: what holds for the first holds for all that follow it.
  const bool row = piece.tag == 'D' || piece.tag == 'd';
  if (row && verdict.action == Pipeline::Action::kForward) {
    body_swallowed_ = false;
    run.end += piece.bytes.size();
    run.end += wire::whole_frames(run.input.subspan(run.end), piece.tag);
    return;
  }
  if (piece.tag == 'S') note_parameter(piece.body(), ours);
  if (piece.tag == 'C' && !ours) note_command(piece.body());
  apply(verdict, piece, run);
}

void ServerConnection::apply(const Pipeline::Verdict& verdict, const Piece& piece, Run& run) {
  if (verdict.action == Pipeline::Action::kUnexpected) {
    pass_on(run);
    return lost(CloseReason::kProtocolError);
  }
  if (verdict.action == Pipeline::Action::kSwallow) {
    swallow(run, piece);
  } else {
    body_swallowed_ = false;
    run.end += piece.bytes.size();
  }
  if (verdict.finished && pipeline_.synthesis_due()) {
    pass_on(run);
    make_answers();
  }
}

void ServerConnection::judge_ready(const Piece& piece, Run& run) {
  const auto status = wire::read_ready(piece.body());
  if (!status) return lost(CloseReason::kProtocolError);
  const Pipeline::Verdict verdict = pipeline_.ready(*status);
  apply(verdict, piece, run);
  if (state_ == State::kClosed) return;
  pass_on(run);
  if (state_ == State::kCleaning) {
    if (!pipeline_.empty()) return;
    if (!at_rest()) return lost(CloseReason::kNotClean);
    state_ = State::kIdle;
    return owner_->server_cleaned(*this);
  }
  if (verdict.action == Pipeline::Action::kForward && holder_ != nullptr) holder_->server_ready();
}

void ServerConnection::judge_error(const Piece& piece, Run& run) {
  const wire::ErrorFields error = wire::read_error(piece.body());
  // A fatal error does not fail the batch, of which the client still has to hear.
  const Pipeline::Verdict verdict =
      error.fatal() ? Pipeline(pipeline_).reply('E') : pipeline_.reply('E');
  // A fatal error is the end of this connection, not of the client's: it hears of it from its
  // session. So it does when something of ours failed that has to come before its own statement.
  const bool of_ours = verdict.action == Pipeline::Action::kSwallow;
  if (error.fatal() || of_ours || verdict.action == Pipeline::Action::kUnexpected) {
    // Its word on a client that broke the protocol is for the client; so is the end that follows.
    last_error_told_ = verdict.action == Pipeline::Action::kForward && state_ == State::kLent &&
                       error.sqlstate == wire::sqlstate::kProtocolViolation && piece.complete;
    if (last_error_told_) run.end += piece.bytes.size();
    pass_on(run);
    last_error_ = error;
    return lost(of_ours ? CloseReason::kNotClean : CloseReason::kServerError);
  }
  forget_skipped();  // the entry that failed is among them
  if (verdict.entry.statement == 0 || !piece.complete || holder_ == nullptr)
    return apply(verdict, piece, run);
  pass_on(run);
  const std::uint32_t id = verdict.entry.statement;
  const std::string renamed =
      wire::rename_in_error(piece.bytes, server_statement_name(id), holder_->statement_name(id));
  holder_->server_sent(bytes_of(renamed));
  swallow(run, piece);
  make_answers();
}

// Nobody holds this server: whatever it says is about itself.
void ServerConnection::judge_unlent(const Piece& piece, Run& run) {
  if (piece.tag == 'E') {
    last_error_ = wire::read_error(piece.body());
    return lost(CloseReason::kServerError);
  }
  if (piece.tag != 'N' && piece.tag != 'S' && piece.tag != 'A')
    return lost(CloseReason::kProtocolError);
  if (piece.tag == 'S') note_parameter(piece.body(), true);
  swallow(run, piece);
}

void ServerConnection::note_parameter(Bytes body, bool ours) {
  const auto parameter = wire::read_parameter_status(body);
  if (!parameter) return;
  if (holder_ != nullptr && !ours) {
    holder_->parameter_changed(parameter->first, parameter->second);
  } else if (state_ == State::kIdle) {
    login_.set_parameter(parameter->first, parameter->second);
  }
}

// Commands that change the session in ways the wire does not show otherwise.
void ServerConnection::note_command(Bytes body) {
  const std::string_view tag = wire::read_command_tag(body);
  if (tag == "SET" || tag == "RESET" || tag == "DISCARD ALL") settings_known_ = false;
  if (tag != "DEALLOCATE ALL" && tag != "DISCARD ALL") return;
  statements_.forget_all();
  pipeline_.for_each_alteration([this](const Expected& entry) {  // sent since, and to come
    entry.teaches ? statements_.learn(entry.statement) : statements_.forget(entry.statement);
  });
  if (holder_ != nullptr) holder_->statements_discarded();
}

void ServerConnection::pass_on(Run& run) {
  if (run.end > run.begin && holder_ != nullptr)
    holder_->server_sent(run.input.subspan(run.begin, run.end - run.begin));
  run.begin = run.end;
}

void ServerConnection::swallow(Run& run, const Piece& piece) {
  pass_on(run);
  run.end += piece.bytes.size();
  run.begin = run.end;
}

void ServerConnection::make_answers() {
  while (const auto entry = pipeline_.take_synthesis()) {
    if (holder_ == nullptr) continue;
    const bool close = entry->request == Request::kClose;
    holder_->server_sent(bytes_of(close ? wire::kCloseComplete : wire::kParseComplete));
  }
}

// From the last to the first.
void ServerConnection::forget_skipped() {
  while (const auto entry = pipeline_.take_skipped()) {
    if (entry->teaches) statements_.forget(entry->statement);
    const bool ours = entry->disposition == Disposition::kSwallow;
    if (entry->request == Request::kClose && ours) statements_.learn(entry->statement);
    if (entry->change != 0 && holder_ != nullptr) holder_->change_undone(entry->change);
  }
}

}  // namespace pgsaba::server
