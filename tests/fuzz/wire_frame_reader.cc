// The first byte chooses the direction, the second how the rest is cut; the rest is the stream.
// Cut or whole, the same frames come out, and every piece lies inside of what was given.
#include <algorithm>
#include <cstdlib>
#include <string>

#include "pgsaba/wire/backend.h"
#include "pgsaba/wire/frame.h"
#include "pgsaba/wire/frontend.h"

namespace {

using namespace pgsaba;

void require(bool holds) {
  if (!holds) std::abort();
}

void read_names(const wire::Piece& piece) {
  if (const auto names = wire::read_parse(piece.body()))
    require(names->statement.size() + names->rest.size() < piece.body().size());
  if (const auto names = wire::read_bind(piece.body()))
    require(names->head_bytes <= piece.body().size());
  (void)wire::read_object(piece.body());
  (void)wire::read_authentication(piece.body());
  (void)wire::read_parameter_status(piece.body());
  (void)wire::read_backend_key(piece.body());
  (void)wire::read_ready(piece.body());
  (void)wire::read_command_tag(piece.body());
}

// Everything that was read, and the error at its end.
std::string read(wire::Direction direction, Bytes stream, std::size_t step) {
  wire::FrameReader reader(direction);
  std::string told;
  std::size_t here = 0;  // bytes that have arrived
  std::size_t used = 0;
  while (here < stream.size()) {
    here = std::min(stream.size(), here + step);
    for (;;) {
      const Bytes input = stream.subspan(used, here - used);
      const wire::Piece piece = reader.next(input, 1'000'000);
      if (piece.kind == wire::Piece::Kind::kNeedMore) break;
      if (piece.kind == wire::Piece::Kind::kMalformed)
        return told + "!" + wire::describe(piece.error);
      require(!piece.bytes.empty() && piece.bytes.size() <= input.size());
      require(piece.complete == reader.at_boundary());
      if (piece.kind == wire::Piece::Kind::kFrame) {
        told += "|";
        read_names(piece);
      }
      told += text_of(piece.bytes);
      used += piece.bytes.size();
    }
  }
  require(told.size() >= used);
  return told;
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): the name libFuzzer calls
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const auto direction =
      (data[0] & 1) != 0 ? wire::Direction::kFromClient : wire::Direction::kFromServer;
  const Bytes stream(data + 2, size - 2);
  const std::string whole = read(direction, stream, stream.size() + 1);
  require(read(direction, stream, 1U + data[1]) == whole);
  const std::size_t rows = wire::whole_frames(stream, 'D');
  require(rows <= stream.size());
  require(wire::whole_frames(stream.first(rows), 'D') == rows);
  return 0;
}
