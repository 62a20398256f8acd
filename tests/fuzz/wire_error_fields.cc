// The body of an ErrorResponse, read and renamed; what is built of it reads the same.
#include <cstdlib>
#include <string>

#include "pgsaba/wire/error_fields.h"
#include "pgsaba/wire/frame.h"

namespace {

using namespace pgsaba;

void require(bool holds) {
  if (!holds) std::abort();
}

Bytes body_of(const std::string& frame) { return bytes_of(frame).subspan(wire::kHeaderBytes); }

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): the name libFuzzer calls
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes body(data, size);
  const wire::ErrorFields fields = wire::read_error(body);
  require(!fields.severity.empty());

  std::string built;
  wire::append_error(built, 'E', fields);
  wire::FrameReader reader(wire::Direction::kFromServer);
  const wire::Piece piece = reader.next(bytes_of(built), 0);
  require(piece.complete && piece.bytes.size() == built.size());
  const wire::ErrorFields again = wire::read_error(body_of(built));
  require(again.severity == fields.severity && again.sqlstate == fields.sqlstate);
  require(again.message == fields.message && again.detail == fields.detail);
  require(again.hint == fields.hint);

  std::string frame = "E1234";
  frame += text_of(body);
  const std::string renamed = wire::rename_in_error(bytes_of(frame), "x", "y");
  const wire::ErrorFields after = wire::read_error(body_of(renamed));
  require(after.sqlstate == fields.sqlstate && after.severity == fields.severity);
  require(after.message.size() == fields.message.size());
  return 0;
}
