#include "session/commit_watch.h"

#include <charconv>

#include "pgsaba/wire/backend.h"
#include "pgsaba/wire/frame.h"
#include "pgsaba/wire/frontend.h"
#include "pgsaba/wire/message_writer.h"
#include "pgsaba/wire/row.h"
#include "session/lease_traces.h"

namespace pgsaba::session {
namespace {

std::uint32_t hexadecimal(std::string_view text) {
  std::uint32_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value, 16);
  return value;
}

}  // namespace

void CommitWatch::answered(Bytes frames) {
  if (answered_) return;
  answered_ = true;
  failed_ = error_in(frames).has_value();
  wire::FrameReader reader(wire::Direction::kFromServer);
  while (!frames.empty()) {
    const wire::Piece piece = reader.next(frames, 0);
    if (piece.kind != wire::Piece::Kind::kFrame || !piece.complete) return;
    frames = frames.subspan(piece.bytes.size());
    if (piece.tag != 'D') continue;
    const auto row = wire::read_row(piece.body());
    if (row.size() < 2 || !row[0] || !row[1]) return;
    mark_.xid = routing::full_xid(*row[0]);
    mark_.timeline = hexadecimal(*row[1]);
  }
}

void CommitWatch::sent(char tag, Bytes body) {
  if (state_ == State::kWhole) state_ = State::kSpoiled;
  if (state_ == State::kSpoiled || tag == 'H') return;
  const bool first = messages_++ == 0;
  switch (tag) {
    case 'Q':
      wire::append_command_complete(replies_, "COMMIT");
      wire::append_ready(replies_, wire::TransactionStatus::kIdle);
      state_ = first ? State::kWhole : State::kSpoiled;
      return;
    case 'P': {
      const auto parse = wire::read_parse(body);
      if (!first || !parse) break;
      statement_ = parse->statement;
      replies_ += wire::kParseComplete;
      return;
    }
    case 'B': {
      const auto bind = wire::read_bind(body);
      if (!bind || bound_ || (!first && bind->statement != statement_)) break;
      bound_ = true;
      wire::MessageWriter(replies_).begin('2').end();
      return;
    }
    case 'D':
      return describe(body);
    case 'E':
      if (!bound_ || state_ != State::kOpen) break;
      state_ = State::kExecuted;
      wire::append_command_complete(replies_, "COMMIT");
      return;
    case 'C':
      replies_ += wire::kCloseComplete;
      return;
    case 'S':
      if (state_ != State::kExecuted) break;
      state_ = State::kWhole;
      wire::append_ready(replies_, wire::TransactionStatus::kIdle);
      return;
    default:
      break;
  }
  state_ = State::kSpoiled;
}

// A COMMIT has neither parameters nor rows.
void CommitWatch::describe(Bytes body) {
  const auto object = wire::read_object(body);
  if (object && object->kind == 'S') wire::MessageWriter(replies_).begin('t').int16(0).end();
  wire::MessageWriter(replies_).begin('n').end();
}

}  // namespace pgsaba::session
