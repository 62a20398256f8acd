#include "pgsaba/wire/frame.h"

#include <doctest/doctest.h>

#include <vector>

#include "unit/wire/frames.h"

using namespace pgsaba;
using namespace pgsaba::wire;
using namespace pgsaba::testing;
using Kind = Piece::Kind;

namespace {

constexpr Direction kClient = Direction::kFromClient;
constexpr Direction kServer = Direction::kFromServer;

Piece first_piece(Direction direction, const std::string& input, std::uint32_t limit = 0) {
  return FrameReader(direction).next(bytes_of(input), limit);
}

constexpr std::string_view kClientTags = "QPBFdfpDECHScX";
constexpr std::string_view kServerTags = "RSKZENATDCItn123sGHWdcVv";

}  // namespace

TEST_CASE("every tag of a direction is a frame, every other byte is not") {
  for (int tag = 0; tag < 256; ++tag) {
    const char c = static_cast<char>(tag);
    const std::string input = frame(c, "body");
    CAPTURE(tag);
    for (const Direction direction : {kClient, kServer}) {
      const bool known =
          (direction == kClient ? kClientTags : kServerTags).find(c) != std::string_view::npos;
      const Piece piece = first_piece(direction, input);
      CHECK(piece.tag == c);
      if (known) {
        CHECK(piece.kind == Kind::kFrame);
        CHECK(piece.complete);
        CHECK(piece.frame_bytes == input.size());
        CHECK(text_of(piece.bytes) == input);
        CHECK(text_of(piece.body()) == "body");
      } else {
        CHECK(piece.kind == Kind::kMalformed);
        CHECK(piece.error == FrameError::kUnknownTag);
      }
    }
  }
}

TEST_CASE("an unknown tag is refused before its length has come") {
  CHECK(first_piece(kClient, "!").error == FrameError::kUnknownTag);
  CHECK(first_piece(kServer, "Q").error == FrameError::kUnknownTag);
  CHECK(first_piece(kClient, std::string(1, '\0')).error == FrameError::kUnknownTag);
}

TEST_CASE("lengths") {
  struct Row {
    Direction direction;
    char tag;
    std::uint32_t length;
    std::uint32_t limit;
    FrameError error;
  };
  const std::vector<Row> rows = {
      {kClient, 'Q', 0, 0, FrameError::kBadLength},
      {kClient, 'Q', 3, 0, FrameError::kBadLength},
      {kClient, 'Q', 4, 0, FrameError::kNone},
      {kClient, 'Q', 0x3fffffff, 0, FrameError::kNone},
      {kClient, 'Q', 0x40000000, 0, FrameError::kTooLong},
      {kClient, 'Q', 0x80000000, 0, FrameError::kTooLong},
      {kClient, 'Q', 0xffffffff, 0, FrameError::kTooLong},
      {kClient, 'd', 0x3fffffff, 0, FrameError::kNone},
      {kClient, 'Q', 1'000, 1'000, FrameError::kNone},
      {kClient, 'Q', 1'001, 1'000, FrameError::kTooLong},
      {kClient, 'S', 10'000, 0, FrameError::kNone},
      {kClient, 'S', 10'001, 0, FrameError::kTooLong},
      {kClient, 'X', 10'001, 0, FrameError::kTooLong},
      {kClient, 'D', 10'001, 0, FrameError::kTooLong},
      {kClient, 'E', 10'001, 0, FrameError::kTooLong},
      {kClient, 'C', 10'001, 0, FrameError::kTooLong},
      {kClient, 'H', 10'001, 0, FrameError::kTooLong},
      {kClient, 'c', 10'001, 0, FrameError::kTooLong},
      {kServer, 'D', 3, 0, FrameError::kBadLength},
      {kServer, 'D', 0x7fffffff, 0, FrameError::kNone},
      {kServer, 'D', 0x80000000, 0, FrameError::kTooLong},
      {kServer, 'Z', 0x7fffffff, 0, FrameError::kNone},
  };
  for (const Row& row : rows) {
    CAPTURE(row.tag);
    CAPTURE(row.length);
    const Piece piece = first_piece(row.direction, header(row.tag, row.length), row.limit);
    CHECK(piece.error == row.error);
    CHECK((piece.kind == Kind::kMalformed) == (row.error != FrameError::kNone));
    if (row.error == FrameError::kNone) CHECK(piece.frame_bytes == row.length + 1);
  }
}

TEST_CASE("every error has words") {
  CHECK(std::string(describe(FrameError::kUnknownTag)) == "unknown message type");
  CHECK(std::string(describe(FrameError::kBadLength)) == "invalid message length");
  CHECK(std::string(describe(FrameError::kTooLong)) == "message too long");
  CHECK(std::string(describe(FrameError::kNone)) == "no error");
}

TEST_CASE("a frame up to 32 KiB is handed over whole or not at all") {
  const std::string input = frame('Q', std::string(kWholeFrameBytes - kHeaderBytes, 'x'));
  REQUIRE(input.size() == kWholeFrameBytes);
  FrameReader reader(kClient);
  for (const std::size_t have : {std::size_t{0}, std::size_t{1}, std::size_t{4}, std::size_t{5},
                                 std::size_t{100}, input.size() - 1}) {
    CHECK(reader.next(bytes_of(input).first(have), 0).kind == Kind::kNeedMore);
    CHECK(reader.at_boundary());
  }
  const Piece piece = reader.next(bytes_of(input), 0);
  CHECK(piece.kind == Kind::kFrame);
  CHECK(piece.complete);
  CHECK(reader.at_boundary());
}

TEST_CASE("a larger frame streams") {
  const std::string input = frame('d', std::string(100'000, 'x'));
  FrameReader reader(kServer);
  CHECK(reader.next(bytes_of(input).first(kWholeFrameBytes - 1), 0).kind == Kind::kNeedMore);

  Piece piece = reader.next(bytes_of(input).first(kWholeFrameBytes), 0);
  CHECK(piece.kind == Kind::kFrame);
  CHECK_FALSE(piece.complete);
  CHECK(piece.bytes.size() == kWholeFrameBytes);
  CHECK(piece.frame_bytes == input.size());
  CHECK_FALSE(reader.at_boundary());

  piece = reader.next({}, 0);
  CHECK(piece.kind == Kind::kNeedMore);
  // What looks like a header inside a frame is only its body.
  piece = reader.next(bytes_of(input).subspan(kWholeFrameBytes, 1), 0);
  CHECK(piece.kind == Kind::kBody);
  CHECK(piece.tag == 'd');
  CHECK_FALSE(piece.complete);

  const std::string rest = input.substr(kWholeFrameBytes + 1) + frame('Z', "I");
  piece = reader.next(bytes_of(rest), 0);
  CHECK(piece.kind == Kind::kBody);
  CHECK(piece.complete);
  CHECK(piece.bytes.size() == rest.size() - 6);
  CHECK(reader.at_boundary());
  CHECK(reader.next(bytes_of(rest).last(6), 0).tag == 'Z');
}

TEST_CASE("a large frame that is here already comes whole") {
  const std::string input = frame('D', std::string(100'000, 'x'));
  const Piece piece = first_piece(kServer, input + "Z");
  CHECK(piece.kind == Kind::kFrame);
  CHECK(piece.complete);
  CHECK(piece.bytes.size() == input.size());
}

TEST_CASE("what a frame will need is known before it is here") {
  const Piece piece = first_piece(kClient, header('Q', 20'000));
  CHECK(piece.kind == Kind::kNeedMore);
  CHECK(piece.tag == 'Q');
  CHECK(piece.frame_bytes == 20'001);
}

TEST_CASE("runs of rows") {
  const std::string row = frame('D', "abc");
  struct Row {
    std::string input;
    std::size_t bytes;
  };
  const std::vector<Row> rows = {
      {"", 0},
      {row, row.size()},
      {row + row + frame('C', "x"), 2 * row.size()},
      {frame('C', "x") + row, 0},
      {row + row.substr(0, 3), row.size()},
      {row + row.substr(0, 6), row.size()},
      {row + header('D', 3), row.size()},
      {row + header('D', 0xffffffff), row.size()},
      {row + header('D', 0) + "xxxxxxxx", row.size()},
      {frame('D') + frame('D'), 10},
  };
  for (const Row& one : rows) {
    CAPTURE(one.input.size());
    CHECK(whole_frames(bytes_of(one.input), 'D') == one.bytes);
  }
}
