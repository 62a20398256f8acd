// The part of ClientSession that deals with its client's going: by Terminate, by saying no more, or
// without a word.
#include "pgsaba/session/client_session.h"
#include "pgsaba/wire/backend.h"
#include "pgsaba/wire/frontend.h"

namespace pgsaba::session {

using server::Request;

// What was sent before Terminate is still answered, as PostgreSQL does. A COPY that waits for data,
// or will, has to be told that none comes; nothing else minds.
ClientSession::Taken ClientSession::leave() {
  leaving_ = true;
  if (state_ == State::kLinked && server_->pipeline().owed_ready() > 0) {
    std::string fail;
    wire::append_copy_fail(fail, "the client terminated the connection");
    server_->forward(Request::kCopyEnd, bytes_of(fail));
    return Taken::kYes;
  }
  if (server_ != nullptr) {
    part_from_server();
    transition(State::kIdle);
  }
  end_when_sent();
  return Taken::kYes;
}

// It will say no more, and everything is answered: it goes once it has all of it.
void ClientSession::end_when_sent() {
  flush_now();
  if (sent_all() || broken()) return end(EndReason::kClientTerminated);
  watch_sending();
}

// Nothing more comes. Who has only closed its own direction gets what it is owed. What was sent is
// the server's business already, as on a direct connection.
void ClientSession::lost_peer() {
  if (broken()) return end(EndReason::kClientReset);
  if (is_moving()) return;  // what it said last is read where it goes
  const bool hears = !gone() || (leaving_ && !hung_up_told_);  // who said Terminate did not hang up
  if (hears && leaving_) return;                               // its answers are still to be sent
  if (hears) return hear_out();
  const bool has_server = server_ != nullptr || dedicated() != nullptr;
  if (readable() && has_server && !leaving_) return;  // more to read, later
  end(EndReason::kClientClosed);
}

// All that is there as a whole is looked at in its turn, as if Terminate stood behind it. Of a
// client that is not there any more it is found out, and then it is let go.
void ClientSession::hear_out() {
  if (state_ == State::kStartup || state_ == State::kRelay) return end(EndReason::kClientClosed);
  if (!std::exchange(hung_up_told_, true)) host_.hung_up(*this);
  if (!takes_messages() || has_said_more()) return;
  if (state_ == State::kLogin || !reader_.at_boundary()) return end(EndReason::kClientClosed);
  reason_ = EndReason::kClientClosed;
  if (state_ != State::kConsole) {
    leave();
    return;
  }
  leaving_ = true;
  std::string farewell;
  wire::append_terminate(farewell);
  host_.console_input(*this, bytes_of(farewell));
}

// Whether a message that is there as a whole waits.
bool ClientSession::has_said_more() {
  const Bytes rest = gather(false);
  retain(0);
  wire::FrameReader reader = reader_;
  const auto limit = static_cast<std::uint32_t>(host_.config().limits.max_message_bytes);
  return reader.next(rest, limit).kind != wire::Piece::Kind::kNeedMore;
}

// Whether a message of ours may stand in between what it is sent now.
bool ClientSession::may_be_told() const {
  if (state_ == State::kLogin || state_ == State::kWelcome) return false;
  return sent_all() && (server_ == nullptr || server_->between_messages());
}

// A ParameterStatus may come at any time, and this one never says anything else.
bool ClientSession::ask_presence() {
  if (!may_be_told()) return false;
  std::string known;
  wire::append_parameter_status(known, "integer_datetimes", "on");
  send(known);
  return true;
}

}  // namespace pgsaba::session
