// The part of ClientSession that goes on in another process, with the same socket.
//
//   first process                          second process
//   kIdle ─▶ kLeaving ──what it is──────▶ kArriving: makes it anew, listens
//              │ ◀──────────────taken──────┘  │
//              │ mark: hears no more          │ mark: what came before is forgotten
//              ▼ let go of ─────────────────▶ ▼
//            kClosed                        kIdle: reads the socket
//
// Until it is let go of, the second process reads nothing, so that the first can go on with it at
// any time. A session that listens is told by the first process what is notified up to the mark,
// and by the second what is notified from there on: both hear all of it in the same order.
#include <sys/random.h>

#include <algorithm>

#include "pgsaba/session/client_session.h"
#include "pgsaba/wire/backend.h"
#include "session/client_login_state.h"
#include "session/commit_watch.h"
#include "session/errors.h"
#include "session/held_parameters.h"
#include "session/lease_traces.h"
#include "session/lesson.h"
#include "session/listening.h"
#include "session/move.h"
#include "session/orphaned_transaction.h"
#include "session/pin_foresight.h"
#include "session/relay.h"
#include "session/unnamed_statement.h"

namespace pgsaba::session {

using wire::ErrorFields;
using wire::TransactionStatus;

namespace {

std::string new_mark() {
  std::uint64_t number = 0;
  [[maybe_unused]] const ssize_t filled = ::getrandom(&number, sizeof number, 0);
  return std::to_string(number);
}

std::vector<std::string> with_move_channel(std::vector<std::string> channels) {
  channels.emplace_back(kMoveChannel);
  return channels;
}

}  // namespace

// ---- where it comes from -----------------------------------------------------------------------

// All that is not carried along has to be absent.
bool ClientSession::may_move() const {
  const bool at_rest = state_ == State::kIdle || state_ == State::kBegun;
  if (!at_rest || stays_ || leaving_ || account_ == nullptr || relay_) return false;
  // Inside a transaction it is told nothing: what it heard on the way would be told by nobody.
  if (state_ == State::kBegun && listening_) return false;
  const bool plain = tls() == nullptr && !shakes_hands();
  const bool quiet = !has_carry() && sent_all() && !broken() && !ended() && !hung_up();
  if (!plain || !quiet || !reader_.at_boundary() || body_ == Body::kGather) return false;
  if (server_ != nullptr || again_ || !request_.empty() || acknowledged_ || batch_answer_ ||
      ready_held_ || wanted_channels_ || (listening_ && !listening_->waiting.empty()))
    return false;
  return !unnamed_ || !unnamed_->rest.empty();  // or some server has it, perhaps
}

PortableSession ClientSession::begin_leaving() {
  PortableSession all;
  all.database = account_->database;
  all.user = account_->user;
  all.key = {key_pid_, std::string(secret_.data(), secret_bytes())};
  all.dialect = dialect_;
  if (settings_) all.settings = *settings_;
  if (login_settings_) all.login_settings = *login_settings_;
  if (statements_)
    statements_->visit([&](const std::string& name, const NamedStatements::Meaning& meaning) {
      auto& kind = meaning.by_sql ? all.sql_statements : all.statements;
      kind.emplace_back(name, meaning.statement->rest);
    });
  if (unnamed_) all.unnamed = unnamed_->rest;
  if (listening_) all.channels = listening_->channels;
  if (state_ == State::kBegun) all.begin_sql = begin_sql_;
  all.mode = mode_;
  all.reads_sequences = reads_sequences_;
  all.others_read_sequences = account_->pool != nullptr && account_->pool->sequences_read_lately();
  all.foresees = foresees_;
  all.connected_at = connected_at_;
  all.idle_since = idle_since_;
  all.transaction_at = transaction_at_;
  move_ = std::make_unique<Move>();
  move_->heard = !listening_;
  if (listening_) all.mark = move_->mark = new_mark();
  transition(State::kLeaving);
  return all;
}

void ClientSession::taken() {
  if (state_ != State::kLeaving) return;
  move_->taken = true;
  if (move_->heard) return host_.may_leave(*this);
  host_.mark_notifications(*this, 0, with_move_channel(listening_->channels), move_->mark);
}

void ClientSession::stay(bool for_good) {
  if (state_ != State::kLeaving) return;
  stays_ = stays_ || for_good;
  const bool marked = move_->taken && listening_;
  const bool missed = marked && move_->heard;  // what came since was for the other process
  move_.reset();
  transition(begin_sql_.empty() ? State::kIdle : State::kBegun);
  if (marked) host_.listen(*this, 0, listening_->channels);
  if (missed) notifications_missed();
  schedule();
}

void ClientSession::vanish() { end(EndReason::kMoved); }

// ---- where it goes -----------------------------------------------------------------------------

bool ClientSession::arrive(PortableSession from, Account& account) {
  account_ = &account;
  login_.reset();
  move_ = std::make_unique<Move>();
  move_->mark = from.mark;
  move_->heard = from.channels.empty();
  transition(State::kArriving);
  long_key_ = from.key.secret.size() == secret_.size();
  if (from.key.secret.size() != secret_bytes()) return false;
  key_pid_ = from.key.pid;
  std::ranges::copy(from.key.secret, secret_.begin());
  dialect_ = from.dialect;
  connected_at_ = from.connected_at;
  idle_since_ = from.idle_since;
  mode_ = from.mode;
  reads_sequences_ = from.reads_sequences;
  foresees_ = from.foresees;
  for (const server::Settings* settings : {&from.settings, &from.login_settings})
    for (const server::Setting& setting : *settings)
      if (server::is_custom(setting.name)) host_.custom_names().learn(setting.name);
  if (!from.settings.empty()) settings_ = host_.settings().intern(std::move(from.settings));
  if (!from.login_settings.empty())
    login_settings_ = host_.settings().intern(std::move(from.login_settings));
  if (!learn_statements(from)) return false;
  if (from.begin_sql) {
    begin_sql_ = std::move(*from.begin_sql);
    told_ = TransactionStatus::kInBlock;
    transaction_at_ = from.transaction_at;
  }
  ErrorFields why;
  pool::Pool* pool = from.others_read_sequences ? host_.route(account, why) : nullptr;
  if (pool != nullptr) pool->sequences_are_read();
  // Whatever it has written or seen was before now.
  if (account.reads.clock) needs_.written = needs_.seen = account.reads.clock->tick();
  if (from.channels.empty()) {
    host_.arrived(*this, true);
    return true;
  }
  listens_elsewhere(std::move(from.channels));
  host_.listen(*this, ++listen_ticket_, with_move_channel(listening_->channels));
  return true;
}

// False: there is no memory for them.
bool ClientSession::learn_statements(const PortableSession& from) {
  const auto learn_all = [this](const std::vector<PortableSession::Statement>& all, bool by_sql) {
    return std::ranges::all_of(all, [&](const PortableSession::Statement& one) {
      server::PreparedRef statement = host_.prepared_statements().intern(one.second, one.first);
      if (!statement) return false;
      learn(*statement, read(statement->query()));
      names().set(one.first, std::move(statement), by_sql);
      return true;
    });
  };
  if (!learn_all(from.statements, false) || !learn_all(from.sql_statements, true)) return false;
  if (from.unnamed) {
    keep_unnamed_statement(*from.unnamed, read(from.unnamed->data()));
    unnamed_->rest = *from.unnamed;  // in words that hold in any dialect, already
  }
  return true;
}

void ClientSession::go_on(bool unheard) {
  if (state_ != State::kArriving) return;
  if (unheard && !move_->heard) move_->heard = move_->missed = true;
  move_->let_go = true;
  begin_if_heard();
}

void ClientSession::begin_if_heard() {
  if (!move_->let_go || !move_->heard) return;
  const bool missed = move_->missed;
  const bool listens = !move_->mark.empty();
  move_.reset();
  transition(begin_sql_.empty() ? State::kIdle : State::kBegun);
  if (listens) host_.listen(*this, 0, listening_->channels);
  if (missed) notifications_missed();
  schedule();
}

// ---- notifications -----------------------------------------------------------------------------

// True: it is nothing to be told.
bool ClientSession::heard_mark(Bytes frame) {
  const Bytes body = frame.subspan(wire::kHeaderBytes);
  const bool mark = wire::read_channel(body) == kMoveChannel &&
                    wire::read_payload(body) == move_->mark && !move_->mark.empty();
  if (!mark) return state_ == State::kLeaving && move_->heard && move_->taken;
  if (std::exchange(move_->heard, true)) return true;
  if (state_ == State::kLeaving) {
    deliver_notifications();  // what had to wait because it reads slowly
    host_.may_leave(*this);
  } else {
    listening_->waiting.clear();
    begin_if_heard();
  }
  return true;
}

}  // namespace pgsaba::session
