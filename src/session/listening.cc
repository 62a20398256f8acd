#include "session/listening.h"

#include "pgsaba/wire/backend.h"
#include "pgsaba/wire/frame.h"

namespace pgsaba::session {

bool Listening::keep(Bytes frame) {
  if (waiting.size() + frame.size() > kMaxWaitingBytes) return false;
  waiting.append(text_of(frame));
  return true;
}

void Listening::drop_others() {
  std::string kept;
  wire::FrameReader reader(wire::Direction::kFromServer);
  for (std::size_t at = 0; at < waiting.size();) {
    const wire::Piece piece = reader.next(bytes_of(waiting).subspan(at), wire::kWholeFrameBytes);
    if (piece.kind != wire::Piece::Kind::kFrame) break;
    at += piece.bytes.size();
    if (piece.tag != 'A' || has(wire::read_channel(piece.body())))
      kept.append(text_of(piece.bytes));
  }
  waiting = std::move(kept);
}

}  // namespace pgsaba::session
