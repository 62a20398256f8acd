// The part of ClientSession that has a server on lease: from the wait for one to the last reply.
#include <algorithm>

#include "pgsaba/session/client_session.h"
#include "pgsaba/wire/backend.h"
#include "pgsaba/wire/sqlstate.h"
#include "session/client_login_state.h"
#include "session/commit_watch.h"
#include "session/errors.h"
#include "session/held_parameters.h"
#include "session/lease_traces.h"
#include "session/lesson.h"
#include "session/listening.h"
#include "session/orphaned_transaction.h"
#include "session/unnamed_statement.h"

namespace pgsaba::session {

using server::ServerConnection;
using wire::ErrorFields;
using wire::Piece;
using wire::TransactionStatus;

namespace {

// Nothing but ParseComplete and BindComplete, which hold nothing that another server would not say.
// They come alone when a server ends right behind them.
bool only_acknowledges(Bytes bytes) {
  constexpr std::string_view kParsed("1\0\0\0\4", 5);
  constexpr std::string_view kBound("2\0\0\0\4", 5);
  std::string_view rest = text_of(bytes);
  while (rest.starts_with(kParsed) || rest.starts_with(kBound)) rest.remove_prefix(kParsed.size());
  return rest.empty();
}

}  // namespace

// ---- the lease ---------------------------------------------------------------------------------

// `keeps`: what the statement that needs the server will keep it for.
ClientSession::Taken ClientSession::acquire(Pins keeps, const ReadRequest& read) {
  ErrorFields why;
  const ReadRoute route = read.bytes > 0 ? standby_route() : ReadRoute();
  pool::Pool* pool = route.pool;
  if (route.may_wait && may_park()) {
    park();
    return Taken::kNotYet;
  }
  if (read.bytes > 0 && pool == nullptr && !take_spill_place()) return Taken::kNotYet;
  request_at_ = parked_at_ != 0 ? parked_at_ : turn().now;
  if (pool == nullptr) pool = host_.route(*account_, why);
  if (pool == nullptr) {
    wait_or_fail(why);
    return Taken::kNotYet;
  }
  note_route(read, route);
  reads_on_primary_ = read.bytes > 0 && route.pool == nullptr;
  parked_at_ = 0;
  lease_pool_ = pool;
  note_sequence_read(query_.effects);
  foreseen_ = keeps;
  wants_pin = keeps.any();
  const bool may_keep = !wants_pin || pool->pin_in_turn(*this);
  if (ServerConnection* server = may_keep ? pool->take(settings_) : nullptr) {
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

// No server serves the account: nothing was sent, so the statement can wait until one does.
void ClientSession::wait_or_fail(const ErrorFields& why) {
  if (!host_.wait_for_route(*this, request_at_)) return refused(why);
  parked_at_ = request_at_;
  transition(State::kParked);
}

void ClientSession::follow_route() {
  if (!wait_hook.linked()) return;
  if (read_) {
    const routing::ReadBalance* balance = account_->reads.balance;
    if (balance != nullptr && balance->fit(read_.server())) return;
    lease_pool_->leave(*this);
    read_.drop();
    return ask_again();
  }
  ErrorFields why;
  pool::Pool* pool = host_.route(*account_, why);
  // One that logs in only has to learn how servers answer: it may as well stay.
  if (pool == lease_pool_ || (pool == nullptr && state_ == State::kWelcome)) return;
  const Micros since = waiting_since;
  lease_pool_->leave(*this);
  lease_pool_->unpin(*this);
  if (pool == nullptr) {
    parked_at_ = since;
    return ask_again();
  }
  lease_pool_ = pool;
  pool->enqueue(*this);
  waiting_since = since;
}

void ClientSession::link(ServerConnection& server) {
  server_ = &server;
  lesson_.reset();
  if (account_->reads.counts != nullptr) account_->reads.counts->add(lease_reason_);
  statements_in_lease_ = 0;
  read_.start(turn().now);
  request_seen_ = false;
  to_primary_ = wrote_ = saw_ = false;
  drew_in_lease_ = may_notify_ = false;
  draws_ = Draws::kNone;
  batches_before_lease_ = batches_sent_;
  cancel_held_ = false;
  server.lend(*this);
  if (!pools_transactions()) {  // no statement is read: what others have prepared must not be there
    server.taint(ServerConnection::Taint::kSession);
    server.need_names({}, {});
    server.drop_unnamed();
  }
  const bool must_not_tell = reads_sequences() && server.has_served_others(number_);
  server.serve(number_);
  if (must_not_tell) server.forget_sequences(number_);
  if (server.greeting != greeting_ && !read_) greet_anew(server);
  if (server.match(settings_, number_)) return transition(State::kMatching);
  matched();
}

// The server's configuration was read again, or a role's settings were changed, since the client
// logged in: it hears of it as the clients of a server of their own do.
void ClientSession::greet_anew(const ServerConnection& server) {
  const auto before = std::exchange(greeting_, server.greeting);
  if (!before || !greeting_) return;
  std::string out;
  for (const auto& [name, value] : *greeting_) {
    const auto told = std::ranges::find(*before, name, &std::pair<std::string, std::string>::first);
    const bool same = told != before->end() && told->second == value;
    if (same || server::find_setting(settings_, server::lower_case(name)) != nullptr) continue;
    wire::append_parameter_status(out, name, value);
    note_dialect(name, value);
  }
  send(out);
}

// The server's session is the client's now. If the client's BEGIN waits, it goes first.
void ClientSession::matched() {
  transition(State::kLinked);
  if (begin_sql_.empty()) return;
  server_->begin(begin_sql_);
  begin_sql_.clear();
}

void ClientSession::granted(ServerConnection& server) {
  if (state_ == State::kWelcome) {
    server_ = &server;
    server.lend(*this);
    return begin_learning();
  }
  // It was fresh enough when the client began to wait; it may have been restarted since.
  const routing::CausalClock* clock = account_->reads.clock.get();
  if (read_ && clock != nullptr && clock->life(read_.server()) != read_.life()) {
    lease_pool_->give_back(server);
    read_.drop();
    return ask_again();
  }
  if (wants_pin) account_->pin_counts->waited(foreseen_, turn().now - waiting_since);
  link(server);
  resume();
}

// What came while it waited is taken up.
void ClientSession::resume() {
  if (!take_again()) return;
  const Bytes input = gather(false);
  retain(consume(input));
  if (readable() || hung_up()) schedule();
}

// What it waited for will not come. A client that is already in keeps its connection: the statement
// fails, not the session.
void ClientSession::refused(const ErrorFields& error) {
  if (state_ == State::kWelcome) return end(EndReason::kNoServer, error);
  if (read_ && error.sqlstate != wire::sqlstate::kQueryCanceled &&
      error.sqlstate != wire::sqlstate::kTooManyConnections)
    return ask_primary();
  read_.drop();
  parked_at_ = failed_at_ = 0;
  repeats_ = 0;
  to_primary_ = false;
  ErrorFields of_statement = error;
  of_statement.severity = "ERROR";
  explain_pin(of_statement);
  if (waits_for_pin()) account_->pin_counts->refused(foreseen_);
  host_.error_told(*this, error, {});
  request_at_ = 0;
  begin_sql_.clear();
  const bool in_block = told_ != TransactionStatus::kIdle;
  orphan_ = std::make_unique<OrphanedTransaction>(of_statement, false, false, in_block);
  transition(State::kOrphaned);
  schedule();
}

// The standby cannot serve.
void ClientSession::ask_primary() {
  read_.drop();
  to_primary_ = true;
  ask_again();
}

// What was sent behind the BEGIN may be followed by more now.
void ClientSession::begun() {
  if (has_carry()) schedule();
}

// The client was told that its transaction has begun: now it hears that it has failed. Nothing of
// its first batch was executed, and no other was sent.
void ClientSession::begin_failed(const ErrorFields& error, Bytes frame) {
  const bool whole = batches_sent_ > batches_before_lease_;
  send(frame);
  std::string ready;
  wire::append_ready(ready, TransactionStatus::kFailed);
  if (whole) send(ready);
  told_ = TransactionStatus::kFailed;
  batches_answered_ = batches_sent_;
  if (statements_) statements_->all_answered();
  request_at_ = transaction_at_ = 0;
  idle_since_ = turn().now;
  if (traces_) traces_->clear();
  ServerConnection& server = *std::exchange(server_, nullptr);
  read_.drop();
  if (leaving_) {
    transition(State::kIdle);
  } else {
    orphan_ = std::make_unique<OrphanedTransaction>(error, true, !whole, true);
    transition(State::kOrphaned);
  }
  if (reader_.at_boundary()) {
    server.leave_batch();
    server.taint(ServerConnection::Taint::kState);
    lease_pool_->give_back(server);
  } else {  // it has a part of a message
    lease_pool_->discard(server, server::CloseReason::kClientGone);
  }
  if (leaving_) return end_when_sent();
  if (has_carry()) schedule();
}

// ---- replies of the server ---------------------------------------------------------------------

void ClientSession::server_sent(Bytes bytes) {
  if (state_ == State::kWelcome) return learn_from(bytes);
  if (!request_.empty()) {
    if (may_run_elsewhere() && only_acknowledges(bytes)) {
      if (!acknowledged_) acknowledged_ = std::make_unique<std::string>();
      acknowledged_->append(text_of(bytes));
      return;
    }
    forget_request();
  }
  tell_acknowledged();
  tell(bytes);
}

void ClientSession::tell_acknowledged() {
  if (acknowledged_) tell(bytes_of(*std::exchange(acknowledged_, nullptr)));
}

void ClientSession::tell(Bytes bytes) {
  if (lesson_) lesson_->frames.append(text_of(bytes));
  lease_pool_->totals().bytes_sent += bytes.size();
  send(bytes);
}

void ClientSession::parameter_changed(std::string_view name, std::string_view value) {
  if (state_ == State::kWelcome) {
    for (auto& [known, current] : login_->learned)
      if (known == name) current = value;
    return;
  }
  note_dialect(name, value);
  const std::string key = server::lower_case(name);
  // Who the session acts as is found out by asking: the message does not tell of every change.
  if (!server::is_settable(key) || key == "session_authorization") return;
  if (sets_nothing()) return hear_of_server(name, value);
  if (key == "client_encoding") reread_settings();
  if (server_->settings_known())
    server_->settings_are(host_.settings().with(server_->settings(), key, value));
  if (is_forced(key)) return;
  settings_ = host_.settings().with(settings_, key, value);
}

// A statement by itself that reads or writes rows changes no parameter, or is known to; what it
// sets for its transaction is undone before the server speaks of it.
bool ClientSession::sets_nothing() const {
  constexpr sql::Effects kMaySet =
      sql::effect::kSetting | sql::effect::kAnySetting | sql::effect::kUnknownCode;
  const sql::Effects effects = query_.effects | (traces_ ? traces_->effects() : sql::effect::kNone);
  return pools_transactions() && told_ == TransactionStatus::kIdle && query_.single &&
         query_.command >= sql::Command::kSelect && query_.command <= sql::Command::kMerge &&
         statements_in_lease_ <= 1 && batches_sent_ <= batches_before_lease_ + 1 &&
         (effects & kMaySet) == 0 && account_->limits.unknown_code != config::UnknownCode::kTrust;
}

// The server's configuration was read again. At rest it says so with its next answer only.
void ClientSession::hear_of_server(std::string_view name, std::string_view value) {
  server_->says(name, value);
  lease_pool_->server_changed(*server_);
  if (!read_) greeting_ = server_->greeting;
}

// What the client thinks that a parameter is.
std::string_view ClientSession::told_value(std::string_view name) const {
  if (const std::string* own = server::find_setting(settings_, server::lower_case(name)))
    return *own;
  for (const auto& [reported, value] : server_->login().parameters())
    if (reported == name) return value;
  return {};
}

// While something may go back to its default, whose value of the client's own comes behind that.
// Whether the session is a superuser's has but two values, and no setting.
bool ClientSession::tells_later(std::string_view name, std::string_view value) {
  constexpr sql::Effects kMayReset =
      sql::effect::kSetting | sql::effect::kAnySetting | sql::effect::kUnknownCode;
  if (!login_settings_ || state_ != State::kLinked || !traces_ ||
      (traces_->effects() & kMayReset) == 0 || !pools_transactions())
    return false;
  const std::string key = server::lower_case(name);
  const bool of_role = key == "is_superuser";
  const char* setting = of_role ? "role" : key.c_str();
  if (server::find_setting(login_settings_, setting) == nullptr || is_forced(key)) return false;
  if (!held_parameters_) held_parameters_ = std::make_unique<HeldParameters>();
  held_parameters_->hold(name, of_role ? (value == "on" ? "off" : "on") : told_value(name), value);
  return true;
}

void ClientSession::tell_held_parameters() {
  if (!held_parameters_) return;
  const std::string frames = std::exchange(held_parameters_, nullptr)->take();
  if (lesson_) lesson_->frames += frames;
  send(frames);
}

void ClientSession::count_request() {
  repeats_ = 0;
  failed_at_ = 0;
  stats::TrafficTotals& totals = lease_pool_->totals();
  ++totals.query_count;
  if (request_at_ == 0) return;
  const auto took = static_cast<std::uint64_t>(turn().now - request_at_);
  totals.query_time_us += took;
  lease_pool_->times().queries.add(took);
}

void ClientSession::server_ready() {
  if (state_ == State::kWelcome) return finish_learning();
  count_request();
  const server::Pipeline& pipeline = server_->pipeline();
  const bool idle = pipeline.status() == TransactionStatus::kIdle;
  if (transaction_at_ == 0) transaction_at_ = request_at_ != 0 ? request_at_ : turn().now;
  request_at_ = 0;
  idle_since_ = turn().now;
  told_ = pipeline.status();
  commit_.reset();
  if (idle) {
    stats::TrafficTotals& totals = lease_pool_->totals();
    ++totals.xact_count;
    const auto took = static_cast<std::uint64_t>(turn().now - transaction_at_);
    totals.xact_time_us += took;
    lease_pool_->times().transactions.add(took);
    transaction_at_ = 0;
  } else if (mode_ == config::PoolMode::kStatement) {
    return end(EndReason::kModeViolation, errors::statement_mode());
  }
  ++batches_answered_;
  if (statements_) statements_->answered(batches_answered_);
  if (pipeline.empty()) {
    batches_answered_ = batches_sent_;
    if (statements_) statements_->all_answered();
    if (leaving_) {
      release_ready();
      abandon_state();
      unlink();
      return end_when_sent();
    }
  } else if (leaving_ && pipeline.owed_ready() == 0) {  // the Sync of the last batch never comes
    release_ready();
    part_from_server();
    transition(State::kIdle);
    return end_when_sent();
  }
  // A Parse of which a part has come already is for this server.
  if (body_ == Body::kGather || is_halfway()) request_at_ = turn().now;
  if (lease_is_over()) {
    end_lease();
  } else {
    release_ready();
  }
  if (has_carry()) schedule();
}

// The server reads the rest of a message that nothing answers, as of a COPY that has failed, and
// would take whatever else came for it.
bool ClientSession::is_halfway() const { return body_ == Body::kForward && !reader_.at_boundary(); }

bool ClientSession::lease_is_over() const {
  const server::Pipeline& pipeline = server_->pipeline();
  return pipeline.empty() && pipeline.status() == TransactionStatus::kIdle &&
         body_ != Body::kGather && !is_halfway() && !keeps_session();
}

void ClientSession::unlink() {
  ServerConnection* server = std::exchange(server_, nullptr);
  read_.finish(turn().now);
  transition(State::kIdle);
  lease_pool_->give_back(*server);
}

void ClientSession::server_lost(ServerConnection& server, server::CloseReason reason,
                                bool mid_frame) {
  const server::Pipeline& pipeline = server.pipeline();
  const bool in_transaction = told_ != TransactionStatus::kIdle;
  const State was = state_;
  if (draws_ != Draws::kNone) end_hold();  // what it may never ask for is no loss
  keep_identity();
  server_ = nullptr;
  if (was == State::kLinked && may_run_elsewhere()) return ask_again_elsewhere(server);
  tell_acknowledged();
  if (server.has_defined()) note_defined();
  if ((wrote_ || saw_) && account_ != nullptr && account_->reads.clock) note_seen();
  read_.drop();
  const ErrorFields& last = server.last_error();
  const std::string what = last.message.empty()
                               ? std::string(describe(reason))
                               : last.severity + " " + last.sqlstate + ": " + last.message;
  batches_answered_ = batches_sent_;
  if (statements_) statements_->all_answered();
  tell_held_parameters();
  release_ready();  // what it is owed for was answered
  if (was == State::kSettling && settling_ != Settling::kState && !pins_.any()) {
    if (wanted_channels_) {
      listen_later(std::move(*std::exchange(wanted_channels_, nullptr)));
      notifications_missed();
    }
    lost_state();
    transition(State::kIdle);
    return schedule();
  }
  // Nothing of the client's was sent yet: another server will do.
  if (was == State::kMatching && !pins_.any()) {
    transition(begin_sql_.empty() ? State::kIdle : State::kBegun);
    return schedule();
  }
  // The client broke the protocol beyond repair: PostgreSQL's own word and the end, as without us.
  if (server.last_error_told() && was == State::kLinked) return end(EndReason::kProtocolError);
  if (was == State::kLinked && !mid_frame && may_ask_fate(server)) return seek_fate(what);
  commit_.reset();
  // What lived in the server's session is gone, and the client has to hear of it.
  const bool in_flight = was == State::kLinked && !pipeline.only_asks();
  // A batch that has failed already only waits for its Sync.
  const bool has_failed = in_flight && pipeline.skipping() && pipeline.owed_ready() == 0;
  const std::string state = lost_state();
  ErrorFields error =
      errors::server_lost(what, in_flight && !has_failed, in_transaction && !may_commit_);
  if (!state.empty()) error.detail = "With it went what only that server had: " + state + ".";
  const bool linked = was == State::kLinked || was == State::kSettling || was == State::kMatching;
  if (!linked || mid_frame || !pools_transactions()) {
    error.severity = "FATAL";
    return mid_frame ? end(EndReason::kServerLost) : end(EndReason::kServerLost, error);
  }
  request_at_ = transaction_at_ = 0;
  const std::size_t owed = was == State::kLinked ? pipeline.owed_ready() : 0;
  const bool gathering = body_ == Body::kGather;
  const bool batch_open = owed == 0 && (in_flight || gathering);
  std::string out;
  const bool first_word = batch_open && !pipeline.skipping();
  for (std::size_t i = 0; i < std::max<std::size_t>(owed, first_word ? 1 : 0); ++i) {
    wire::append_error(out, 'E', error);
    if (owed > 0)
      wire::append_ready(out,
                         in_transaction ? TransactionStatus::kFailed : TransactionStatus::kIdle);
  }
  send(out);
  if (!out.empty()) host_.error_told(*this, error, {});
  if (leaving_) {
    transition(State::kIdle);
    return end_when_sent();
  }
  if (in_transaction || batch_open || (!in_flight && !state.empty())) {
    const bool told = in_flight && (in_transaction || !has_failed || state.empty());
    orphan_ = std::make_unique<OrphanedTransaction>(error, told, batch_open, in_transaction);
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
  const auto parse = piece.complete && piece.tag == 'P' && !orphan_->skipping()
                         ? wire::read_parse(piece.body())
                         : std::nullopt;
  const bool may_keep = parse && !parse->statement.empty() &&
                        ends_transaction(parse->rest.data()) == TransactionEnd::kYes;
  server::PreparedRef kept;
  if (may_keep) {
    if (const auto statement = find_statement(parse->statement)) named = statement->query();
    kept = host_.prepared_statements().intern(parse->rest, parse->statement);
  }
  std::string out;
  body_ = Body::kDrop;
  if (may_keep && !kept) {
    orphan_->refuse(errors::no_prepared_memory(), out);
    send(out);
    return Taken::kYes;
  }
  const bool over = orphan_->on_frame(piece.tag, piece.body(), named, out);
  send(out);
  if (kept && !orphan_->skipping()) {
    names().change(parse->statement, kept, batches_sent_);
    names().all_answered();
  }
  if (over) {
    orphan_.reset();
    request_at_ = transaction_at_ = 0;
    told_ = TransactionStatus::kIdle;
    transition(State::kIdle);
  }
  return Taken::kYes;
}

}  // namespace pgsaba::session
