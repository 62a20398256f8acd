#include "pgsaba/wire/frame.h"

#include <algorithm>
#include <array>

namespace pgsaba::wire {
namespace {

constexpr std::uint32_t kProtocolMaxFrameBytes = 0x3fffffff;  // PQ_LARGE_MESSAGE_LIMIT, about 1 GiB
constexpr std::uint32_t kSmallMessageBytes = 10'000;          // PQ_SMALL_MESSAGE_LIMIT

// The longest length word a tag may carry; 0 for a tag that does not exist.
using LimitTable = std::array<std::uint32_t, 256>;

constexpr LimitTable client_limits() {
  LimitTable table{};
  for (const char tag : {'Q', 'P', 'B', 'F', 'd', 'f', 'p'})
    table[static_cast<unsigned char>(tag)] = kProtocolMaxFrameBytes;
  for (const char tag : {'D', 'E', 'C', 'H', 'S', 'c', 'X'})
    table[static_cast<unsigned char>(tag)] = kSmallMessageBytes;
  return table;
}

constexpr LimitTable server_limits() {
  LimitTable table{};
  for (const char tag : {'R', 'S', 'K', 'Z', 'E', 'N', 'A', 'T', 'D', 'C', 'I', 't',
                         'n', '1', '2', '3', 's', 'G', 'H', 'W', 'd', 'c', 'V', 'v'})
    table[static_cast<unsigned char>(tag)] = 0x7fffffff;
  return table;
}

constexpr LimitTable kClientLimits = client_limits();
constexpr LimitTable kServerLimits = server_limits();

Piece malformed(char tag, FrameError error) {
  Piece piece;
  piece.kind = Piece::Kind::kMalformed;
  piece.tag = tag;
  piece.error = error;
  return piece;
}

}  // namespace

const char* describe(FrameError error) {
  switch (error) {
    case FrameError::kNone:
      return "no error";
    case FrameError::kUnknownTag:
      return "unknown message type";
    case FrameError::kBadLength:
      return "invalid message length";
    case FrameError::kTooLong:
      return "message too long";
  }
  return "?";
}

Piece FrameReader::next(Bytes input, std::uint32_t max_frame_bytes) {
  Piece piece;
  if (input.empty()) return piece;
  if (remaining_ > 0) {
    const auto count = std::min<std::size_t>(remaining_, input.size());
    remaining_ -= static_cast<std::uint32_t>(count);
    piece.kind = Piece::Kind::kBody;
    piece.tag = tag_;
    piece.complete = remaining_ == 0;
    piece.bytes = input.first(count);
    return piece;
  }
  const char tag = static_cast<char>(input[0]);
  const LimitTable& limits = direction_ == Direction::kFromClient ? kClientLimits : kServerLimits;
  const std::uint32_t limit = limits[input[0]];
  if (limit == 0) return malformed(tag, FrameError::kUnknownTag);
  if (input.size() < kHeaderBytes) return piece;
  const std::uint32_t length = load_be32(input.data() + 1);
  if (length < 4) return malformed(tag, FrameError::kBadLength);
  if (length > limit) return malformed(tag, FrameError::kTooLong);
  if (max_frame_bytes > 0 && length > max_frame_bytes) return malformed(tag, FrameError::kTooLong);
  const std::size_t total = static_cast<std::size_t>(length) + 1;
  piece.tag = tag;
  piece.frame_bytes = static_cast<std::uint32_t>(total);
  if (total <= input.size()) {
    piece.kind = Piece::Kind::kFrame;
    piece.complete = true;
    piece.bytes = input.first(total);
  } else if (total > kWholeFrameBytes && input.size() >= kWholeFrameBytes) {
    piece.kind = Piece::Kind::kFrame;
    piece.bytes = input;
    tag_ = tag;
    remaining_ = static_cast<std::uint32_t>(total - input.size());
  }
  return piece;  // otherwise kNeedMore, with tag and frame_bytes for whoever wants to gather
}

std::size_t whole_frames(Bytes input, char tag) {
  const std::uint8_t* at = input.data();
  std::size_t left = input.size();
  while (left >= kHeaderBytes && static_cast<char>(at[0]) == tag) {
    const std::size_t total = static_cast<std::size_t>(load_be32(at + 1)) + 1;
    if (total > left || total < kHeaderBytes) break;
    at += total;
    left -= total;
  }
  return input.size() - left;
}

}  // namespace pgsaba::wire
