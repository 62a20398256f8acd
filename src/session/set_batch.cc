#include "session/set_batch.h"

#include "pgsaba/wire/backend.h"
#include "pgsaba/wire/frame.h"
#include "pgsaba/wire/frontend.h"

namespace pgsaba::session {
namespace {

using wire::Piece;

std::optional<Piece> next_frame(wire::FrameReader& reader, Bytes& ahead) {
  const Piece piece = reader.next(ahead, 0);
  if (piece.kind != Piece::Kind::kFrame || !piece.complete) return std::nullopt;
  ahead = ahead.subspan(piece.bytes.size());
  return piece;
}

bool is_plain_parse(const Piece& piece, SetBatch& batch) {
  const auto parse = piece.tag == 'P' ? wire::read_parse(piece.body()) : std::nullopt;
  if (!parse || !parse->statement.empty()) return false;
  batch.rest = parse->rest;
  batch.text = batch.rest.substr(0, batch.rest.find('\0'));
  return batch.rest.substr(batch.text.size()) == std::string_view("\0\0\0", 3);  // no types
}

// No values, and no formats for any: what it says of results means nothing where there are none.
bool is_plain_bind(const Piece& piece) {
  const auto bind = piece.tag == 'B' ? wire::read_bind(piece.body()) : std::nullopt;
  if (!bind || !bind->portal.empty() || !bind->statement.empty()) return false;
  return text_of(piece.body())
      .substr(bind->head_bytes)
      .starts_with(std::string_view("\0\0\0\0", 4));
}

bool is_describe(const Piece& piece, char kind) {
  const auto object = piece.tag == 'D' ? wire::read_object(piece.body()) : std::nullopt;
  return object && object->kind == kind && object->name.empty();
}

bool is_plain_execute(const Piece& piece) {
  return piece.tag == 'E' && piece.body().size() == 5 && piece.body().front() == 0;
}

}  // namespace

std::optional<SetBatch> read_set_batch(Bytes ahead) {
  SetBatch batch;
  wire::FrameReader reader(wire::Direction::kFromClient);
  auto piece = next_frame(reader, ahead);
  if (!piece || !is_plain_parse(*piece, batch)) return std::nullopt;
  piece = next_frame(reader, ahead);
  if (piece && is_describe(*piece, 'S')) {
    batch.asks_statement = true;
    piece = next_frame(reader, ahead);
  }
  if (!piece || !is_plain_bind(*piece)) return std::nullopt;
  piece = next_frame(reader, ahead);
  if (piece && is_describe(*piece, 'P')) {
    batch.asks_portal = true;
    piece = next_frame(reader, ahead);
  }
  if (!piece || !is_plain_execute(*piece)) return std::nullopt;
  piece = next_frame(reader, ahead);
  if (!piece || piece->tag != 'S') return std::nullopt;
  return batch;
}

std::string SetBatch::answer(std::string_view done) const {
  constexpr std::string_view kNoParameters{"t\0\0\0\6\0\0", 7};
  constexpr std::string_view kBindComplete{"2\0\0\0\4", 5};
  constexpr std::string_view kNoData{"n\0\0\0\4", 5};
  std::string frames(wire::kParseComplete);
  if (asks_statement) frames.append(kNoParameters).append(kNoData);
  frames.append(kBindComplete);
  if (asks_portal) frames.append(kNoData);
  return frames.append(done);
}

}  // namespace pgsaba::session
