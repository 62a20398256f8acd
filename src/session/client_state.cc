// The part of ClientSession that keeps what belongs to the client when its server goes to others:
// what statements may have left behind, what the server says is there, and what follows from it.
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
#include "session/pin_foresight.h"
#include "session/set_batch.h"
#include "session/unnamed_statement.h"

namespace pgsaba::session {

using server::ServerConnection;

namespace effect = sql::effect;

namespace {

constexpr std::string_view kRole = "role";
constexpr std::string_view kSessionAuthorization = "session_authorization";

constexpr std::uint8_t kMostQuestions = 3;  // in a row, each of them canceled

// Of who the session acts as nothing is forgotten: it would act as somebody who may more.
server::SettingsRef without_refused(server::SettingsTable& table, server::SettingsRef settings) {
  const server::SettingsRef all = settings;
  if (!all) return nullptr;
  for (const server::Setting& setting : *all)
    if (server::may_be_refused(setting.name) && !server::is_identity(setting.name))
      settings = table.without(settings, setting.name);
  return settings;
}

// Something about what was to be set, and not a cancel request or a server in trouble.
bool is_refusal(const wire::ErrorFields& error) {
  return error.sqlstate.starts_with("42") || error.sqlstate.starts_with("22") ||
         error.sqlstate.starts_with("55");
}

}  // namespace

LeaseTraces& ClientSession::traces() {
  if (!traces_) traces_ = std::make_unique<LeaseTraces>();
  return *traces_;
}

// A statement is about to be sent that has these effects. Without a text it could not be read.
void ClientSession::note_statement(sql::Effects effects, std::string_view text,
                                   std::optional<Bytes> bind) {
  if (statements_in_lease_ < std::numeric_limits<std::uint8_t>::max()) ++statements_in_lease_;
  constexpr sql::Effects kMayNotify = effect::kNotify | effect::kUnknownCode | effect::kInsert;
  may_notify_ = may_notify_ || (effects & kMayNotify) != 0;
  effects = guard_sequences(effects, text) & kLasting;
  if (effects == 0 || !pools_transactions()) return;
  if (text.empty()) return traces().add_unread();
  const auto mode = account_->limits.unknown_code;
  if (mode == config::UnknownCode::kTrust) effects &= ~effect::kUnknownCode;
  if (effects != 0) traces().add(text, effects, dialect_, bind);
}

void ClientSession::note_dialect(std::string_view name, std::string_view value) {
  if (name == "standard_conforming_strings") dialect_.standard_strings = value != "off";
  if (name == "client_encoding") dialect_.encoding = sql::encoding_of(value);
}

// The client's encoding changes: values that are not ASCII have other bytes from now on.
void ClientSession::reread_settings() {
  if (!settings_) return;
  const auto beyond_ascii = [](char c) { return static_cast<unsigned char>(c) >= 0x80; };
  for (const server::Setting& setting : *settings_)
    if (std::ranges::any_of(setting.value, beyond_ascii)) traces().reread(setting.name);
}

// Under session pooling no statement is read: whoever has the server next gets it reset.
void ClientSession::setting_done() {
  if (!pools_transactions()) return server_->settings_unknown();
  if (traces_) traces_->setting_done();
}

// The mode of a lease does not change. Without one, and outside of a transaction, the client takes
// to what a reload has set, unless its session lives in what is remembered of it: a server that it
// kept would not have that.
void ClientSession::follow_mode(const wire::Piece& piece) {
  const bool replaces_unnamed =
      piece.tag == 'Q' || (piece.tag == 'P' && !piece.body().empty() && piece.body()[0] == 0);
  const bool lives = prepared_statement_count() > 0 || listening_ || wanted_channels_ ||
                     (unnamed_ && !replaces_unnamed);
  if (account_->limits.pool_mode == config::PoolMode::kSession && lives) return;
  mode_ = account_->limits.pool_mode;
}

void ClientSession::reloaded() {
  const bool rests = state_ == State::kLinked && told_ == wire::TransactionStatus::kIdle &&
                     !leaving_ && reader_.at_boundary() && server_->pipeline().empty();
  if (rests && !pools_transactions() && !keeps_session()) leave_session_mode();
}

// A reload has ended session pooling. Nobody knows what the client has in the session of its
// server, so all of it is asked for: what can be moved is remembered, and for the rest it is
// pinned, also beyond the limit, for it has that server already.
void ClientSession::leave_session_mode() {
  mode_ = account_->limits.pool_mode;
  adopts_statements_ = true;
  lease_pool_->keep_pinned(*this);
  traces().add_unread();
  if (unnamed_ && !unnamed_->rest.empty()) {
    const std::string rest = unnamed_->rest;
    const sql::Statement known = read(rest.data());
    foresees_ = foresees_ || (known.effects & kForeseeable) != 0;
    keep_unnamed_statement(rest, known);
  }
  ask_state();
}

// ReadyForQuery 'I', and nothing is owed: the server may go, if nothing of the client's is in it.
void ClientSession::end_lease() {
  if (!pools_transactions()) return leave_session_mode();
  if (pins_.has(PinReason::kUnknown)) traces().add_unread();  // it is asked again
  if (traces_ && traces_->effects() != 0) return settle();
  settled();
}

bool ClientSession::wipes_after(sql::Effects effects) const {
  const bool wanted = account_->limits.unknown_code == config::UnknownCode::kReset || read_;
  return wanted && (effects & effect::kUnknownCode) != 0 && !pins_.any();
}

// Code that nobody knows runs on a standby only if that was wished; nobody is kept there by it.
void ClientSession::settle() {
  if (const sql::PlainSetting* plain = traces_->sole_setting(statements_in_lease_)) {
    keep_setting(plain->name, plain->value);
    return settled();
  }
  if (wipes_after(traces_->effects())) {
    server_->taint(ServerConnection::Taint::kState);
    if (traces_->effects() == effect::kUnknownCode) return settled();  // the rest is the client's
  }
  if (server_->has_failed()) traces_->failed();
  ask_state();
}

// What is asked below finds what the text, the catalogue or any client has ever named. Another name
// must not be met by anybody else.
void ClientSession::note_hidden_settings() {
  server_->hides_settings_of(number_);
  const ReadRules& reads = account_->reads;
  if (!reads.definitions) return;
  reads.definitions->use();
  if (reads.covered != reads.definitions->count()) host_.want_catalogue(*account_);
}

void ClientSession::ask_state() {
  if (traces_->may_miss_settings()) note_hidden_settings();
  const std::string question = traces_->question(settings_, *host_.custom_names().all());
  if (question.empty()) return settled();
  answer_ = std::make_unique<std::string>();
  settling_ = Settling::kState;
  transition(State::kSettling);
  server_->ask(question);
}

void ClientSession::answered(Bytes bytes) {
  if (!answer_) answer_ = std::make_unique<std::string>();
  answer_->append(text_of(bytes));
}

void ClientSession::answer_complete() {
  const auto text = std::move(answer_);
  const Bytes frames = text ? bytes_of(*text) : Bytes();
  if (state_ == State::kMatching) return match_answered(frames);
  if (state_ == State::kLinked && commit_) commit_asked(frames);
  if (state_ == State::kLinked) deliver_cancel();
  if (state_ != State::kSettling) return;
  if (settling_ == Settling::kRestore) return restored(frames);
  if (settling_ == Settling::kUnlisten) {
    transition(State::kLinked);
    if (error_in(frames)) server_->taint(ServerConnection::Taint::kState);
    finish_lease();
    if (has_carry() && state_ != State::kClosed) schedule();
    return;
  }
  const StateAnswer answer = read_answer(frames, dialect_);
  // A cancel request that came too late for the client's own statement hits what runs now.
  const auto error = error_in(frames);
  if (error && error->sqlstate == wire::sqlstate::kQueryCanceled &&
      questions_canceled_++ < kMostQuestions)
    return ask_state();
  questions_canceled_ = 0;
  transition(State::kLinked);
  apply_answer(answer);
  settled();
  if (has_carry() && state_ != State::kClosed) schedule();
}

// What the server has now is not what the client's session has, and will have on other servers.
bool ClientSession::strays_from_settings() const {
  return server_->settings_known() && !same_settings(server_->settings(), settings_);
}

// The administrator's word is stronger than the client's.
bool ClientSession::is_forced(std::string_view parameter) const {
  return parameter == "application_name" && account_->forces_application_name();
}

// The server could not become what the client's session is: its statement must not run there. What
// may have been refused is lost, and the client knows: it would not get out of this otherwise.
void ClientSession::match_answered(Bytes frames) {
  const auto error = error_in(frames);
  if (!error) return match_done();
  if (is_refusal(*error) && shed_identity()) return;
  keep_identity();
  if (is_refusal(*error)) settings_ = without_refused(host_.settings(), settings_);
  ServerConnection* server = std::exchange(server_, nullptr);
  server->settings_unknown();
  lease_pool_->give_back(*server);
  refused(*error);
}

void ClientSession::match_done() {
  if (shed_from_) tell_identity();
  matched();
  resume();
  deliver_cancel();
}

// Its role may be gone, or not be its own any more. A statement by which it stops acting as anybody
// needs nobody's leave: the server becomes what the session is but for that. Until the statement
// has succeeded the session is what it was.
bool ClientSession::shed_identity() {
  if (shed_from_ || !begin_sql_.empty() || pins_.any()) return false;
  const sql::IdentityReset reset = waiting_reset();
  if (reset == sql::IdentityReset::kNone) return false;
  server::SettingsTable& table = host_.settings();
  server::SettingsRef bare = table.without(settings_, kRole);
  if (reset == sql::IdentityReset::kAll) bare = table.without(bare, kSessionAuthorization);
  if (bare == settings_) return false;
  shed_from_ = std::exchange(settings_, bare);
  server_->settings_unknown();
  if (!server_->match(settings_, number_)) match_done();
  return true;
}

// The server that runs the statement has nothing to report of that.
void ClientSession::tell_identity() {
  const auto sheds = [&](std::string_view name) {
    return server::find_setting(shed_from_, name) && !server::find_setting(settings_, name);
  };
  std::string out;
  for (const auto& [name, value] : server_->login().parameters())
    if (name == "is_superuser" || (name == kSessionAuthorization && sheds(name)))
      wire::append_parameter_status(out, name, value);
  send(out);
}

void ClientSession::keep_identity() {
  if (shed_from_) settings_ = std::exchange(shed_from_, nullptr);
}

// Of the statement that waits, if nothing may undo what it does.
sql::IdentityReset ClientSession::waiting_reset() {
  const Bytes ahead = gather(false);
  wire::FrameReader reader(wire::Direction::kFromClient);
  const wire::Piece piece = reader.next(ahead, 0);
  std::string_view text;
  if (piece.kind == wire::Piece::Kind::kFrame && piece.complete && piece.tag == 'Q') {
    text = text_of_statement(piece);
  } else if (const auto batch = read_set_batch(ahead)) {
    text = batch->text;
  }
  const sql::IdentityReset reset = sql::identity_reset(text, dialect_);
  retain(0);
  return reset;
}

// A parameter that the server reports is followed by its reports.
void ClientSession::keep_setting(const std::string& name, const std::optional<std::string>& value) {
  server::SettingsTable& table = host_.settings();
  const std::string* original = value ? nullptr : server::find_setting(login_settings_, name);
  for (const auto& [reported, current] : server_->login().parameters()) {
    if (server::lower_case(reported) != name) continue;
    if (original != nullptr) settings_ = table.with(settings_, name, *original);
    return;
  }
  if (server::is_custom(name) && server::find_setting(settings_, name) == nullptr)
    host_.custom_names().learn(name);
  server::SettingsRef actual =
      value ? table.with(settings_, name, *value) : table.without(settings_, name);
  server_->settings_are(actual);
  settings_ = original != nullptr ? table.with(actual, name, *original) : actual;
}

// What the server says is in force there is what the client has; what was reset goes back to what
// the client's own startup packet said, which is the default of its session.
void ClientSession::apply_answer(const StateAnswer& answer) {
  const Pins decided = decided_pins(traces_->effects());
  const Pins had = pins_;
  pins_.set(PinReason::kUnknown, answer.failed);
  if (answer.failed) return server_->settings_unknown();
  for (int i = 0; i < kPinReasons; ++i) {
    const auto reason = static_cast<PinReason>(i);
    if (decided.has(reason)) pins_.set(reason, answer.pins.has(reason));
  }
  if (decided.has(PinReason::kListen) && note_channels(answer, had.has(PinReason::kListen)))
    pins_.set(PinReason::kListen, false);
  if (decided.has(PinReason::kPrepared))
    pins_.set(PinReason::kPrepared, !keep_names(answer, std::exchange(adopts_statements_, false)));
  server::SettingsTable& table = host_.settings();
  server::SettingsRef actual = settings_;
  if (answer.all_settings && settings_) {
    server::Settings kept;
    for (const server::Setting& setting : *settings_)
      if (answer.mentions(setting.name)) kept.push_back(setting);
    actual = table.intern(std::move(kept));
  }
  for (const auto& [name, value] : answer.settings) {
    const bool own = (name == "role" && value == "none") ||
                     (name == "session_authorization" && value == server_->target().user);
    if (!server::is_settable(name)) continue;
    const bool custom = server::is_custom(name);
    if (custom && value && !value->empty() && server::find_setting(settings_, name) == nullptr)
      host_.custom_names().learn(name);
    // What was set once stays there, empty.
    const bool left_over = custom && value && value->empty() &&
                           (server::find_setting(settings_, name) == nullptr ||
                            server::find_setting(login_settings_, name) != nullptr);
    actual = value && !own && !left_over ? table.with(actual, name, *value)
                                         : table.without(actual, name);
  }
  server_->settings_are(actual);
  settings_ = actual;
  if (login_settings_)
    for (const server::Setting& setting : *login_settings_)
      if (server::find_setting(actual, setting.name) == nullptr || is_forced(setting.name))
        settings_ = table.with(settings_, setting.name, setting.value);
}

// Everything about the transaction that is over is known, but for channels.
void ClientSession::settled() {
  if (ready_held_ && strays_from_settings()) return restore_login_settings();
  settle_channels();
}

// A RESET went to the server's default: the client's is what its startup packet said, and it has to
// hear of that before it goes on.
void ClientSession::restore_login_settings() {
  lesson_.reset();  // what is told to the client in addition is not part of it
  settling_ = Settling::kRestore;
  transition(State::kSettling);
  if (server_->match_and_tell(settings_)) return;
  transition(State::kLinked);
  settle_channels();
}

void ClientSession::restored(Bytes frames) {
  wire::FrameReader reader(wire::Direction::kFromServer);
  for (std::size_t at = 0; at < frames.size();) {
    const wire::Piece piece = reader.next(frames.subspan(at), 0);
    if (piece.kind != wire::Piece::Kind::kFrame || !piece.complete) break;
    at += piece.bytes.size();
    if (piece.tag == 'S') {
      const auto parameter = wire::read_parameter_status(piece.body());
      if (parameter) note_dialect(parameter->first, parameter->second);
      if (parameter && held_parameters_ && held_parameters_->holds(parameter->first)) {
        held_parameters_->hold(parameter->first, {}, parameter->second);
      } else {
        send(piece.bytes);
      }
    }
    if (piece.tag == 'E')
      server_->settings_unknown();  // it is tried again before the next statement
  }
  if (!server_->pipeline().empty()) return;
  transition(State::kLinked);
  settle_channels();
  if (has_carry() && state_ != State::kClosed) schedule();
}

// What only a superuser may set was set under a role by a user who is none, and who could not set
// it on another server.
bool ClientSession::was_set_as_another(sql::Effects effects) const {
  if ((effects & (effect::kSetting | effect::kAnySetting)) == 0 || !server::has_guarded(settings_))
    return false;
  return std::ranges::any_of(server_->login().parameters(), [](const auto& parameter) {
    return parameter.first == "is_superuser" && parameter.second == "off";
  });
}

// The server goes, or stays for good reason; the client is told that all is done.
void ClientSession::finish_lease() {
  may_notify_ = false;
  if (shed_from_ && server_->has_failed()) keep_identity();
  shed_from_ = nullptr;
  const sql::Effects effects = traces_ ? traces_->effects() : sql::effect::kNone;
  if (traces_) traces_->clear();
  // What could not be read is not taken for the rare things that no question finds.
  const bool unread = (effects & kLasting) == kLasting;
  keep_draws(unread ? effect::kNone : effects);
  if (was_set_as_another(effects)) pins_.set(PinReason::kUnknown);  // and is asked for again
  if ((effects & effect::kIrreversible) != 0 && !unread) {
    pins_.set(PinReason::kIrreversible);
    server_->taint(ServerConnection::Taint::kForGood);
  }
  if (read_ && pins_.any()) {  // the next statement may be for the primary
    server_->taint(ServerConnection::Taint::kState);
    pins_.clear();
  }
  tell_held_parameters();
  if (!pins_.any()) {
    if (lesson_) end_lesson();
    unlink();
    return release_ready();
  }
  release_ready();
  server_->forget_outcome();
  const bool was_pinned = pinned_at_ != 0;
  if (!stay_pinned() || (effects == 0 && was_pinned)) return;
  statements_in_lease_ = 0;
  transition(State::kLinked);
  if (server_->match(settings_, number_)) transition(State::kMatching);
}

void ClientSession::release_ready() {
  tell_held_parameters();
  if (!std::exchange(ready_held_, false)) return;
  deliver_notifications();
  std::string ready;
  wire::append_ready(ready, wire::TransactionStatus::kIdle);
  send(ready);
}

// The server goes without having been asked: it is cleaned before anybody else has it.
void ClientSession::abandon_state() {
  if (server_ == nullptr) return;
  const bool traced = traces_ && traces_->effects() != 0;
  if (traced || pins_.any()) server_->taint(ServerConnection::Taint::kState);
  if (traced && (traces_->effects() & effect::kIrreversible) != 0 &&
      (traces_->effects() & kLasting) != kLasting)
    server_->taint(ServerConnection::Taint::kForGood);
  if (traces_) traces_->clear();
  pins_.clear();
}

// What is gone with the server, in words; empty if nothing is.
std::string ClientSession::lost_state() {
  std::string lost = pins_.describe();
  if (state_ == State::kSettling && settling_ == Settling::kState && lost.empty())
    lost = "the outcome of its last settings";
  if (traces_) traces_->clear();
  if (std::exchange(wanted_channels_, nullptr))  // an order may be under way
    listen_later(listening_ ? listening_->channels : std::vector<std::string>());
  pins_.clear();
  return lost;
}

}  // namespace pgsaba::session
