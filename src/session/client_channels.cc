// The part of ClientSession that listens: LISTEN is executed on whatever server the client has;
// then a connection that all clients of the database share takes over, and the server is free
// again.
//
//   LISTEN … ReadyForQuery (held) ─▶ which channels? ─▶ the shared connection listens
//     ─▶ UNLISTEN * on the server ─▶ ReadyForQuery for the client
//
// Nobody can tell when between its execution and its ReadyForQuery a LISTEN takes effect, so what
// the server itself hears in between is dropped, and nothing comes twice.
#include <algorithm>

#include "pgsaba/session/client_session.h"
#include "pgsaba/wire/backend.h"
#include "session/client_login_state.h"
#include "session/errors.h"
#include "session/lease_traces.h"
#include "session/lesson.h"
#include "session/listening.h"
#include "session/move.h"
#include "session/orphaned_transaction.h"
#include "session/relay.h"
#include "session/unnamed_statement.h"

namespace pgsaba::session {

namespace effect = sql::effect;

using wire::TransactionStatus;

namespace {

constexpr std::string_view kEncoding = "client_encoding";

// PostgreSQL spells all others in one way (check_client_encoding of its variable.c).
std::string_view without_alias(std::string_view encoding) {
  return encoding == "UNICODE" ? "UTF8" : encoding;
}

// Outside of a transaction: what was notified before that has come by now, and is told, as on a
// direct connection, where it would have come at once.
bool gave_up_at_once(const LeaseTraces* traces) {
  return traces != nullptr &&
         std::ranges::all_of(traces->given_up(),
                             [](const LeaseTraces::GivenUp& text) { return text.marker.empty(); });
}

}  // namespace

bool ClientSession::holds_ready() {
  if (state_ != State::kLinked) return false;
  constexpr sql::Effects kSettings = effect::kSetting | effect::kAnySetting;
  const sql::Effects effects = traces_ ? traces_->effects() : effect::kNone;
  ready_held_ = listening_ || (effects & effect::kListen) != 0 ||
                (login_settings_ && ((effects & kSettings) != 0 || strays_from_settings()));
  return ready_held_;
}

// A server tells a client only what it listens to there and nowhere else.
bool ClientSession::wants_notification(std::string_view channel) {
  if (listening_ && listening_->has(channel)) return false;
  note_notified();
  return state_ == State::kLinked || pins_.has(PinReason::kListen);
}

// Of what it listens to by the shared connection. Where nothing marks it, a doubt is decided for
// listening.
std::vector<std::string> ClientSession::channels_left(const StateAnswer& answer) const {
  std::vector<std::string> channels =
      listening_ ? listening_->channels : std::vector<std::string>();
  const bool all_well = !server_->has_failed() && !server_->has_rolled_back();
  for (const auto& [what, marker] : traces_->given_up()) {
    const bool counts = marker.empty() ? all_well : answer.listens_to(marker);
    if (counts && what.all) channels.clear();
    for (const std::string& channel : what.channels)
      if (counts) std::erase(channels, channel);
  }
  return channels;
}

// What is notified is told in the encoding of the connection that listens, and the one that is
// shared has the server's.
bool ClientSession::hears_otherwise() const {
  const std::string* own = server::find_setting(settings_, kEncoding);
  const wire::ParameterList* theirs =
      server_ != nullptr ? &server_->login().parameters() : greeting_.get();
  return own != nullptr && theirs != nullptr &&
         std::ranges::any_of(*theirs, [own](const auto& one) {
           return one.first == kEncoding && without_alias(one.second) != without_alias(*own);
         });
}

// What the server listens to now, and what the client has given up. False: these channels have to
// stay with that server: it is kept for others already, or their names and payloads are in an
// encoding of the client's own.
bool ClientSession::note_channels(const StateAnswer& answer, bool kept_to_listen) {
  const std::vector<std::string> before =
      listening_ ? listening_->channels : std::vector<std::string>();
  std::vector<std::string> channels = channels_left(answer);
  const bool shares = !kept_to_listen && (answer.channels.empty() || !hears_otherwise());
  for (const std::string& channel : answer.channels)
    if (shares && !channel.starts_with(kMarkerPrefix)) channels.push_back(channel);
  std::ranges::sort(channels);
  channels.erase(std::unique(channels.begin(), channels.end()), channels.end());
  if (channels != before || (shares && !answer.channels.empty()))
    wanted_channels_ = std::make_unique<std::vector<std::string>>(std::move(channels));
  return shares;
}

// A text is on its way that gives up channels, inside a transaction: whether that counts in the end
// is for the server to say.
void ClientSession::mark_given_up() { server_->ask("LISTEN " + traces_->mark_last_given_up()); }

// Its own notifications come before its ReadyForQuery, as on a direct connection.
void ClientSession::settle_channels() {
  const bool hears_itself = listening_ && may_notify_ && ready_held_;
  if (!wanted_channels_ && !hears_itself) return finish_lease();
  settling_ = Settling::kChannels;
  transition(State::kSettling);
  ++listen_ticket_;
  if (listen_ticket_ == 0) ++listen_ticket_;
  if (!wanted_channels_) return host_.listen(*this, listen_ticket_, std::nullopt);
  host_.listen(*this, listen_ticket_, *wanted_channels_);
}

// Without waiting for it: its server is gone, and nothing has been promised to it yet.
void ClientSession::listen_later(std::vector<std::string> channels) {
  listens_elsewhere(channels);
  host_.listen(*this, 0, std::move(channels));
}

// From now on the shared connection does it. What has come on channels that are given up is not
// told: PostgreSQL looks at its notifications after the transaction that gave them up.
void ClientSession::listens_elsewhere(std::vector<std::string> channels) {
  if (channels.empty()) {
    listening_.reset();
    return;
  }
  if (!listening_) listening_ = std::make_unique<Listening>();
  listening_->channels = std::move(channels);
  listening_->drop_others();
}

void ClientSession::listens(std::uint32_t ticket, bool in_force) {
  if (state_ == State::kArriving && ticket == listen_ticket_) return host_.arrived(*this, in_force);
  const bool waits = state_ == State::kSettling && settling_ == Settling::kChannels;
  if (!waits || ticket != listen_ticket_) return;
  const auto channels = std::move(wanted_channels_);
  if (channels && in_force) {
    // Its own notification in the same string would not have come before the UNLISTEN.
    if (!may_notify_ && gave_up_at_once(traces_.get())) deliver_notifications();
    listens_elsewhere(std::move(*channels));
    if (!pins_.has(PinReason::kListen)) {
      settling_ = Settling::kUnlisten;
      return server_->ask("UNLISTEN *");
    }
  } else if (channels) {  // the server that listens already is kept for it
    pins_.set(PinReason::kListen);
    host_.log_client(*this, "cannot share a connection to listen");
  }
  transition(State::kLinked);
  finish_lease();
  if (has_carry() && state_ != State::kClosed) schedule();
}

// Outside of transactions, as PostgreSQL does, and while it reads what it is sent.
bool ClientSession::free_to_hear() const {
  return told_ == TransactionStatus::kIdle && state_ != State::kBegun &&
         (state_ == State::kIdle || state_ == State::kLeaving || at_rest()) && !congested();
}

void ClientSession::notified(Bytes frame) {
  if (is_moving() && heard_mark(frame)) return;
  if (!listening_ || !listening_->has(wire::read_channel(frame.subspan(wire::kHeaderBytes))))
    return;
  if (free_to_hear() && listening_->waiting.empty()) {
    note_notified();
    return send(frame);
  }
  if (!listening_->keep(frame)) end(EndReason::kLimit, errors::too_many_notifications());
}

void ClientSession::notifications_missed() {
  if (!listening_) return;
  host_.log_client(*this, "may have missed notifications");
  if (state_ == State::kArriving) {
    move_->missed = move_->heard = true;
    return begin_if_heard();
  }
  std::string notice;
  wire::append_error(notice, 'N', errors::notifications_missed());
  if (free_to_hear() && listening_->waiting.empty()) return send(notice);
  if (listening_->waiting.ends_with(notice)) return;  // said once, until it is heard
  if (!listening_->keep(bytes_of(notice))) end(EndReason::kLimit, errors::too_many_notifications());
}

void ClientSession::deliver_notifications() {
  if (!listening_ || listening_->waiting.empty()) return;
  note_notified();
  send(std::exchange(listening_->waiting, {}));
}

// It ends: an answer that comes at once must not be taken for one that it waits for.
void ClientSession::stop_listening() {
  const bool ordered = listening_ || wanted_channels_;
  settling_ = Settling::kState;
  wanted_channels_.reset();
  listening_.reset();
  if (ordered) host_.listen(*this, 0, std::vector<std::string>());
}

}  // namespace pgsaba::session
