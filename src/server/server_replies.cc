// The part of ServerConnection that listens: what the server says, whom it is for, and what follows
// from it.
#include <algorithm>

#include "pgsaba/server/server_connection.h"
#include "pgsaba/wire/backend.h"
#include "pgsaba/wire/sqlstate.h"

namespace pgsaba::server {

using wire::Piece;

namespace {

// Of a statement that the server has in some edition: it is parsed again when it is needed next.
constexpr std::uint32_t kUnknownEdition = 0;

bool fails_for_want_of_name(const wire::ErrorFields& error) {
  return error.sqlstate == wire::sqlstate::kInvalidStatementName ||
         error.sqlstate == wire::sqlstate::kInFailedTransaction;
}

// Whether the command may have made something that decides where statements may run, as views and
// functions do. Of tables and indexes only their columns' types matter, which are made by
// themselves.
bool defines(std::string_view tag) {
  if (tag.starts_with("CREATE ")) return tag != "CREATE TABLE" && tag != "CREATE INDEX";
  return tag.starts_with("ALTER ") || tag.starts_with("IMPORT ");
}

// The warning with which a server that crashes or is stopped at once leaves its clients.
bool farewell(const Piece& piece) {
  const std::string state = piece.complete ? wire::read_error(piece.body()).sqlstate : "";
  return state == wire::sqlstate::kAdminShutdown || state == wire::sqlstate::kCrashShutdown;
}

}  // namespace

void ServerConnection::step() {
  if (state_ == State::kClosed) return;
  if (!has_agreed()) return agree();
  const bool paused = waits_for_keys() || (holder_ != nullptr && !holder_->accepts_bytes());
  const Bytes input = gather(!paused);
  std::size_t used = 0;
  if (state_ == State::kLogin) step_login(input, used);
  if (state_ != State::kLogin && state_ != State::kClosed) step_replies(input, used);
  retain(used);
  if (std::exchange(refused_over_tls_, false)) {
    login_.restart();
    if (!retry_without_tls()) lost(CloseReason::kConnectFailed);
    return;
  }
  if (state_ == State::kClosed || (!broken() && !ended())) return;
  if (state_ == State::kLogin) return not_agreed();
  lost(CloseReason::kServerClosed);
}

void ServerConnection::drained() {
  if (holder_ != nullptr) holder_->server_drained();
}

ServerLogin::Outcome ServerConnection::ask_for_keys(std::string& out) {
  const auto keys = keys_.ask(login_.key_request(), *this);
  return keys ? login_.provide_keys(*keys, out) : ServerLogin::Outcome::kNeedsKeys;
}

void ServerConnection::keys_derived(const auth::ScramKeys& keys) {
  if (state_ != State::kLogin) return;
  std::string out;
  const auto outcome = login_.provide_keys(keys, out);
  send(out);
  if (outcome == ServerLogin::Outcome::kFailed) return login_failed();
  schedule();
}

void ServerConnection::login_failed() {
  last_error_ = login_.error();
  lost(CloseReason::kLoginFailed);
}

void ServerConnection::step_login(Bytes input, std::size_t& used) {
  if (waits_for_keys()) return;  // it is our turn to speak
  std::string out;
  auto outcome = ServerLogin::Outcome::kContinue;
  while (outcome == ServerLogin::Outcome::kContinue) {
    const Piece piece = reader_.next(input.subspan(used), wire::kWholeFrameBytes);
    if (piece.kind == Piece::Kind::kNeedMore) break;
    if (piece.kind != Piece::Kind::kFrame) return lost(CloseReason::kProtocolError);
    used += piece.bytes.size();
    outcome = login_.on_message(piece.tag, piece.body(), out);
    if (outcome == ServerLogin::Outcome::kNeedsKeys) outcome = ask_for_keys(out);
  }
  send(out);
  if (outcome == ServerLogin::Outcome::kFailed) {
    refused_over_tls_ = may_do_without_tls(login_.error());
    return refused_over_tls_ ? void() : login_failed();
  }
  if (outcome != ServerLogin::Outcome::kDone) return;
  keep_connection();
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
  const bool some = replies_asked_for_ && !pipeline_.full();
  const bool all = all_asked_for_ && (!pipeline_.batch_in_doubt() || pipeline_.copying_in());
  if (!some && !all) return;
  replies_asked_for_ = replies_asked_for_ && !some;
  all_asked_for_ = all_asked_for_ && !all;
  if (holder_ != nullptr) holder_->server_drained();
}

void ServerConnection::judge(const Piece& piece, Run& run) {
  if (piece.kind == Piece::Kind::kBody) {
    if (body_swallowed_) {
      if (body_asked_ && holder_ != nullptr) holder_->answered(piece.bytes);
      swallow(run, piece);
    } else {
      run.end += piece.bytes.size();
    }
    if (piece.complete) body_swallowed_ = body_asked_ = false;
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
  if (piece.tag == 'N' && farewell(piece) && holder_ != nullptr && holder_->may_run_elsewhere()) {
    run.begin = run.end;  // with it comes what the server had not sent yet of an answer
    return swallow(run, piece);
  }
  if (piece.tag == 'A' && holder_ != nullptr && piece.complete &&
      !holder_->wants_notification(wire::read_channel(piece.body())))
    return swallow(run, piece);
  if (piece.tag == 'S' && note_parameter(piece.body(), ours)) return swallow(run, piece);
  if (piece.tag == 'C' && !ours) note_command(piece.body());
  // What waits behind a COPY to be sent waits for no answer now: it belongs to the COPY.
  if (piece.tag == 'G' && holder_ != nullptr) holder_->server_drained();
  apply(verdict, piece, run);
  const bool began = verdict.finished && verdict.entry.disposition == Disposition::kBegin &&
                     verdict.entry.request == Request::kExecute;
  if (began && holder_ != nullptr) {
    beginning_ = false;
    holder_->begun();
  }
}

void ServerConnection::apply(const Pipeline::Verdict& verdict, const Piece& piece, Run& run) {
  if (verdict.action == Pipeline::Action::kUnexpected) {
    pass_on(run);
    return lost(CloseReason::kProtocolError);
  }
  if (verdict.action == Pipeline::Action::kSwallow) {
    const bool asked = verdict.entry.disposition == Disposition::kAsk && holder_ != nullptr;
    if (asked) holder_->answered(piece.bytes);
    swallow(run, piece);
    body_asked_ = asked && !piece.complete;
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
  const bool forwarded = verdict.action == Pipeline::Action::kForward;
  if (forwarded && holder_ != nullptr) holder_->ready_comes(*status);
  const bool ends_all = forwarded && at_rest();
  if (ends_all && holder_ != nullptr && holder_->holds_ready()) {
    swallow(run, piece);
  } else {
    apply(verdict, piece, run);
  }
  if (state_ == State::kClosed) return;
  pass_on(run);
  if (state_ == State::kCleaning) {
    if (!pipeline_.empty()) return;
    if (!at_rest()) return lost(CloseReason::kNotClean);
    state_ = State::kIdle;
    return owner_->server_cleaned(*this);
  }
  if (holder_ == nullptr) return;
  if (verdict.action == Pipeline::Action::kForward) return holder_->server_ready();
  if (verdict.entry.disposition == Disposition::kAsk) return holder_->answer_complete();
  if (verdict.entry.request == Request::kQuery) holder_->own_query_done();
}

void ServerConnection::judge_error(const Piece& piece, Run& run) {
  const wire::ErrorFields error = wire::read_error(piece.body());
  // A fatal error does not fail the batch, of which the client still has to hear.
  const Pipeline::Verdict verdict =
      error.fatal() ? Pipeline(pipeline_).reply('E') : pipeline_.reply('E');
  // A fatal error is the end of this connection, not of the client's: it hears of it from its
  // session. So it does when something of ours failed that has to come before its own statement.
  const bool asked = verdict.entry.disposition == Disposition::kAsk;
  const bool of_ours = verdict.action == Pipeline::Action::kSwallow && !asked;
  if (error.fatal() || of_ours || verdict.action == Pipeline::Action::kUnexpected) {
    // Its word on a client that broke the protocol is for the client; so is the end that follows.
    // PgBouncer says 08P01 of whatever goes wrong behind it; only PostgreSQL names a routine.
    const bool theirs = verdict.action == Pipeline::Action::kForward || pipeline_.skipping() ||
                        pipeline_.doubtful();
    last_error_told_ = theirs && state_ == State::kLent &&
                       error.sqlstate == wire::sqlstate::kProtocolViolation &&
                       !error.routine.empty() && piece.complete;
    if (last_error_told_) run.end += piece.bytes.size();
    if (holder_ != nullptr && holder_->may_run_elsewhere()) run.begin = run.end;
    pass_on(run);
    last_error_ = error;
    return lost(of_ours ? CloseReason::kNotClean : CloseReason::kServerError);
  }
  has_failed_ = has_failed_ || !asked;  // a late cancel request may have met a question of ours
  if (verdict.entry.disposition == Disposition::kBegin && holder_ != nullptr) {
    forget_skipped();
    swallow(run, piece);
    std::string frame(text_of(piece.bytes));
    if (!piece.complete) {
      frame.clear();
      wire::append_error(frame, 'E', error);
    }
    return holder_->begin_failed(error, bytes_of(frame));
  }
  const bool skips_query = forget_skipped();  // the entry that failed is among them
  if (holder_ != nullptr && pipeline_.skipping()) holder_->waits_for_sync();
  if (holder_ != nullptr && verdict.action == Pipeline::Action::kForward &&
      holder_->runs_elsewhere(error)) {
    run.begin = run.end;
    return swallow(run, piece);
  }
  if (holder_ != nullptr && verdict.action == Pipeline::Action::kForward && !verdict.entry.refused)
    holder_->server_error(error);
  if (is_named_copy(verdict.entry) && holder_ != nullptr) {
    named_copy_failed(piece, error, run);
    if (skips_query && pipeline_.skipping()) end_skipping();
    return;
  }
  if (!named_error_.empty() && holder_ != nullptr && fails_for_want_of_name(error))
    return substitute(run, piece, std::exchange(named_error_, {}));
  if (verdict.entry.refused && holder_ != nullptr)
    return substitute(run, piece, std::exchange(refusal_, {}));
  const std::uint32_t id = verdict.entry.statement;
  if (holder_ != nullptr && error.sqlstate == wire::sqlstate::kFeatureNotSupported &&
      error.routine == "RevalidateCachedQuery")
    holder_->statement_outdated(id);
  if (id == 0 || !piece.complete || holder_ == nullptr) return apply(verdict, piece, run);
  substitute(run, piece,
             wire::rename_in_error(piece.bytes, server_statement_name(id),
                                   holder_->statement_name(verdict.entry.name)));
}

// A statement of the client's cannot be made here any more: what it refers to is gone, say. That is
// the error of whatever needs it, which would fail for want of that name. Its position would be one
// in another text.
void ServerConnection::named_copy_failed(const Piece& piece, const wire::ErrorFields& error,
                                         Run& run) {
  std::string frame;
  if (piece.complete) {
    frame = wire::without_position(piece.bytes);
  } else {
    wire::append_error(frame, 'E', error);
  }
  if (!pipeline_.in_own_batch()) return substitute(run, piece, frame);
  named_error_ = std::move(frame);
  swallow(run, piece);
}

// The client's Query goes with it, which is the end of a batch to the client.
void ServerConnection::end_skipping() {
  std::string frame;
  wire::append_sync(frame);
  pipeline_.expect({Request::kSync, Disposition::kForward});
  send(frame);
}

// The client gets another error in the place of the server's.
void ServerConnection::substitute(Run& run, const Piece& piece, std::string_view frame) {
  pass_on(run);
  holder_->server_sent(bytes_of(frame));
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
  swallow(run, piece);
  body_swallowed_ = !piece.complete;
  if (piece.tag != 'S') return;
  note_parameter(piece.body(), true);
  if (owner_ != nullptr) owner_->server_changed(*this);
}

// True: it is not for the client, or not yet.
bool ServerConnection::note_parameter(Bytes body, bool ours) {
  const auto parameter = wire::read_parameter_status(body);
  if (!parameter) return false;
  if (holder_ != nullptr && !ours) {
    const bool later = holder_->tells_later(parameter->first, parameter->second);
    holder_->parameter_changed(parameter->first, parameter->second);
    return later;
  }
  if (state_ == State::kIdle) login_.set_parameter(parameter->first, parameter->second);
  return false;
}

// Commands that change the session in ways the wire does not show otherwise.
void ServerConnection::note_command(Bytes body) {
  const std::string_view tag = wire::read_command_tag(body);
  if ((tag == "SET" || tag == "RESET") && holder_ != nullptr) holder_->setting_done();
  has_rolled_back_ = has_rolled_back_ || tag == "ROLLBACK";
  has_committed_ = has_committed_ || tag == "COMMIT";
  has_defined_ = has_defined_ || defines(tag);
  if (tag != "DEALLOCATE ALL" && tag != "DISCARD ALL") return;
  statements_.forget_all();
  named_.clear();
  pipeline_.for_each_alteration([this](const Expected& entry) {  // sent since, and to come
    entry.teaches ? statements_.learn(entry.statement, kUnknownEdition)
                  : statements_.forget(entry.statement);
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

// From the last to the first. Whether a Query of the client's is among them.
bool ServerConnection::forget_skipped() {
  bool unnamed = false;
  bool query = false;
  while (const auto entry = pipeline_.take_skipped()) {
    query =
        query || (entry->request == Request::kQuery && entry->disposition == Disposition::kForward);
    unnamed = unnamed || alters_statements(*entry);
    if (entry->teaches) statements_.forget(entry->statement);
    if (closes_name(*entry)) {  // it is there still, and nobody's who may use it
      const auto name =
          std::ranges::find(closing_, entry->change, [](const auto& one) { return one.first; });
      if (name != closing_.end()) named_[name->second] = Named{.stray = true};
      continue;
    }
    if (is_named_copy(*entry)) {
      std::erase_if(named_, [&](const auto& one) { return one.second.number == entry->change; });
      continue;
    }
    const bool ours = entry->disposition == Disposition::kSwallow;
    if (entry->request == Request::kClose && ours && entry->statement != 0)
      statements_.learn(entry->statement, kUnknownEdition);
    if (entry->change != 0 && holder_ != nullptr) holder_->change_undone(entry->change);
  }
  // A later batch makes it what it is all the same.
  if (unnamed && unnamed_since_ <= pipeline_.answering()) unnamed_owner_ = kUnknownOwner;
  return query;
}

}  // namespace pgsaba::server
