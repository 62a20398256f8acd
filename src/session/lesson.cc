#include "session/lesson.h"

#include "pgsaba/wire/backend.h"
#include "pgsaba/wire/frame.h"

namespace pgsaba::session {

std::optional<pool::KnownAnswer> Lesson::answer() const {
  pool::KnownAnswer answer;
  bool complete = false;
  wire::FrameReader reader(wire::Direction::kFromServer);
  for (Bytes rest = bytes_of(frames); !rest.empty();) {
    const wire::Piece piece = reader.next(rest, wire::kWholeFrameBytes);
    if (piece.kind != wire::Piece::Kind::kFrame || !piece.complete) return std::nullopt;
    rest = rest.subspan(piece.bytes.size());
    switch (piece.tag) {
      case 'Z':
      case '1':
      case '2':
      case 'n':
      case 't':  // of a batch that says the same as a simple query
        continue;
      case 'S': {
        const auto parameter = wire::read_parameter_status(piece.body());
        if (!parameter) return std::nullopt;
        answer.reported.emplace_back(parameter->first, parameter->second);
        break;
      }
      case 'C':
        complete = true;
        break;
      case 'T':
      case 'D':
        break;
      default:
        return std::nullopt;
    }
    answer.frames += text_of(piece.bytes);
  }
  if (!complete) return std::nullopt;
  return answer;
}

}  // namespace pgsaba::session
