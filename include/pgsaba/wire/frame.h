// Frames: how the v3 protocol's byte stream is cut into messages. Lengths and tags are checked here
// and nowhere else. Source: PostgreSQL, "Frontend/Backend Protocol", message formats; the sets of
// tags and their limits follow src/backend/tcop/postgres.c (SocketBackend).
// Any thread; values, and one reader a direction and connection.
#pragma once

#include <cstdint>

#include "pgsaba/base/bytes.h"

namespace pgsaba::wire {

inline constexpr std::size_t kHeaderBytes = 5;  // tag and length

// Frames up to this size are handed over whole; larger ones stream through in pieces.
inline constexpr std::size_t kWholeFrameBytes = 32'768;

enum class Direction : std::uint8_t { kFromClient, kFromServer };

// What the network sent and nobody may send.
enum class FrameError : std::uint8_t { kNone, kUnknownTag, kBadLength, kTooLong };
const char* describe(FrameError error);

// A frame, or a part of one: `bytes` includes the header in the first piece only.
struct Piece {
  enum class Kind : std::uint8_t { kNeedMore, kFrame, kBody, kMalformed };
  Kind kind = Kind::kNeedMore;
  char tag = 0;
  bool complete = false;  // `bytes` ends where the frame ends
  FrameError error = FrameError::kNone;
  std::uint32_t frame_bytes = 0;  // the whole frame, header included
  Bytes bytes;

  // The payload that is here (of a kFrame piece).
  Bytes body() const { return bytes.subspan(kHeaderBytes); }
};

class FrameReader {
 public:
  // `max_frame_bytes` bounds a client's message (0: the protocol's own limit of 1 GiB).
  explicit FrameReader(Direction direction) : direction_(direction) {}

  // Cuts the next piece off the front of `input`; kNeedMore leaves `input` as it is.
  Piece next(Bytes input, std::uint32_t max_frame_bytes);

  // True when the next byte begins a frame.
  bool at_boundary() const { return remaining_ == 0; }

 private:
  Direction direction_;
  char tag_ = 0;
  std::uint32_t remaining_ = 0;  // bytes of a streamed frame still to come
};

// How many bytes at the front of `input` are whole frames with this tag: the rows of a result, one
// after the other. Stops before the first that is another, incomplete or broken.
std::size_t whole_frames(Bytes input, char tag);

}  // namespace pgsaba::wire
