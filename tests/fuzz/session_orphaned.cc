// The first byte chooses the state in which a transaction is orphaned, the rest is what the client
// says. It gets whole frames only, one ReadyForQuery for each message that ends with one, and is
// let go exactly when it is told that it is in no transaction, or has executed the end of one; but
// not before it has heard of a loss that no transaction was part of.
#include <cstdlib>
#include <string>

#include "pgsaba/wire/frame.h"
#include "session/orphaned_transaction.h"
#include "session/startup_options.h"

namespace {

using namespace pgsaba;

void require(bool holds) {
  if (!holds) std::abort();
}

struct Answer {
  int ready = 0;
  char status = 0;
  bool failed = false;
};

Answer read(const std::string& out) {
  Answer answer;
  wire::FrameReader reader(wire::Direction::kFromServer);
  for (Bytes rest = bytes_of(out); !rest.empty();) {
    const wire::Piece piece = reader.next(rest, 0);
    require(piece.kind == wire::Piece::Kind::kFrame && piece.complete);
    require(answer.ready == 0);  // it is the last word
    rest = rest.subspan(piece.bytes.size());
    answer.failed = answer.failed || piece.tag == 'E';
    if (piece.tag != 'Z') continue;
    ++answer.ready;
    answer.status = static_cast<char>(piece.body()[0]);
  }
  return answer;
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): the name libFuzzer calls
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const bool skipping = (data[0] & 2) != 0;
  const bool in_block = (data[0] & 4) != 0;
  bool told = (data[0] & 1) != 0;
  session::OrphanedTransaction transaction({"ERROR", "08006", "lost"}, told, skipping, in_block);
  server::Settings settings;
  (void)session::read_startup_options(text_of({data + 1, size - 1}), settings);
  (void)session::ends_transaction(text_of({data + 1, size - 1}));

  wire::FrameReader reader(wire::Direction::kFromClient);
  for (Bytes rest(data + 1, size - 1);;) {
    const wire::Piece piece = reader.next(rest, wire::kWholeFrameBytes);
    if (piece.kind != wire::Piece::Kind::kFrame) return 0;
    rest = rest.subspan(piece.bytes.size());
    std::string out;
    const bool over = transaction.on_frame(piece.tag, piece.body(), "rollback", out);
    const Answer answer = read(out);
    told = told || answer.failed;
    if (piece.tag == 'E') {
      require(answer.ready == 0 && !(over && answer.failed));
    } else {
      require(over == (answer.status == 'I' && (told || in_block)));
    }
    if (piece.tag == 'S') require(answer.ready == 1);
    if (over) return 0;
  }
}
