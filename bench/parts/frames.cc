// How the byte stream is cut into messages, in both directions.
#include "part.h"
#include "pgsaba/wire/backend.h"
#include "pgsaba/wire/frame.h"
#include "pgsaba/wire/frontend.h"
#include "texts.h"

namespace bench {
namespace {

using pgsaba::Bytes;
using pgsaba::wire::Direction;
using pgsaba::wire::FrameReader;

constexpr int kRows = 100;
constexpr std::string_view kRow{"D\0\0\0\x0f\0\1\0\0\0\5hello", 16};
constexpr std::string_view kDescribePortal{"D\0\0\0\6P\0", 7};

Part reading(std::string name, Direction direction, std::string stream) {
  return part(std::move(name),
              [reader = FrameReader(direction), stream = std::move(stream)]() mutable {
                keep(stream);
                Bytes left = pgsaba::bytes_of(stream);
                while (!left.empty()) {
                  const auto piece = reader.next(left, 0);
                  keep(piece);
                  left = left.subspan(piece.bytes.size());
                }
              });
}

std::string query() {
  std::string out;
  pgsaba::wire::append_query(out, text::kSelect);
  return out;
}

std::string batch() {
  std::string out;
  const std::string_view no_types{"\0\0\0", 3};
  pgsaba::wire::append_parse(out, "", std::string(text::kSelect).append(no_types));
  pgsaba::wire::append_bind_and_execute(out, "");
  out += kDescribePortal;
  pgsaba::wire::append_sync(out);
  return out;
}

std::string rows() {
  std::string out;
  for (int i = 0; i < kRows; ++i) out += kRow;
  return out;
}

std::string reply() {
  std::string out = std::string(kRow);
  pgsaba::wire::append_command_complete(out, "SELECT 1");
  pgsaba::wire::append_ready(out, pgsaba::wire::TransactionStatus::kIdle);
  return out;
}

}  // namespace

void add_frames(Parts& parts) {
  parts.push_back(reading("wire/query", Direction::kFromClient, query()));
  parts.push_back(reading("wire/batch", Direction::kFromClient, batch()));
  parts.push_back(reading("wire/reply", Direction::kFromServer, reply()));
  parts.push_back(part("wire/rows-100", [stream = rows()] {
    keep(stream);
    keep(pgsaba::wire::whole_frames(pgsaba::bytes_of(stream), 'D'));
  }));
}

}  // namespace bench
