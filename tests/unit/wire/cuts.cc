// Split invariance: however a conversation is cut, the same frames come out of it.
#include <doctest/doctest.h>

#include <random>
#include <vector>

#include "pgsaba/wire/error_fields.h"
#include "pgsaba/wire/frame.h"
#include "pgsaba/wire/frontend.h"
#include "pgsaba/wire/startup.h"
#include "unit/wire/frames.h"

using namespace pgsaba;
using namespace pgsaba::wire;
using namespace pgsaba::testing;

namespace {

// Each frame as "tag:content", and "!n" for the error it ended with.
class Reading {
 public:
  explicit Reading(Direction direction) : reader_(direction) {}

  // As a connection does: what was not taken stays in front of what comes next.
  void feed(std::string_view bytes) {
    carry_ += bytes;
    Bytes input = bytes_of(carry_);
    while (!broken_) {
      const Piece piece = reader_.next(input, 300'000);
      if (piece.kind == Piece::Kind::kNeedMore) break;
      take(piece);
      input = input.subspan(piece.bytes.size());
    }
    carry_.erase(0, carry_.size() - input.size());
  }
  const std::vector<std::string>& frames() const { return frames_; }
  std::string left() const { return broken_ ? "" : carry_; }

 private:
  void take(const Piece& piece) {
    if (piece.kind == Piece::Kind::kMalformed) {
      broken_ = true;
      frames_.push_back("!" + std::to_string(static_cast<int>(piece.error)));
      return;
    }
    if (piece.kind == Piece::Kind::kFrame) {
      frames_.push_back(std::string(1, piece.tag) + ":");
      CHECK(piece.frame_bytes >= piece.bytes.size());
    }
    frames_.back() += text_of(piece.bytes);
    CHECK(frames_.back()[0] == piece.tag);
    CHECK(piece.complete == reader_.at_boundary());
  }

  FrameReader reader_;
  std::string carry_;
  std::vector<std::string> frames_;
  bool broken_ = false;
};

struct Conversation {
  std::string name;
  Direction direction;
  std::string bytes;
};

std::string extended() {
  std::string out;
  append_parse(out, "s1", zeros("select $1::int||||"));
  out += frame('B', zeros("|s1||||||")) + frame('D', zeros("P|")) + frame('E', zeros("|||||"));
  out += frame('H') + frame('C', zeros("Ss1|")) + frame('S');
  append_query(out, "copy t from stdin");
  return out + frame('d', "1\ta\n") + frame('c') + frame('f', zeros("no|")) + frame('X');
}

std::string answers() {
  std::string out = frame('R', be32(0)) + frame('S', zeros("a|b|")) + frame('K', be32(1) + "key!");
  out += frame('Z', "I") + frame('1') + frame('2') + frame('T', std::string(40, 't'));
  for (int row = 0; row < 5; ++row)
    out += frame('D', std::string(static_cast<std::size_t>(row), 'r'));
  append_error(out, 'E', {"ERROR", "42601", "wrong"});
  return out + frame('C', zeros("SELECT 5|")) + frame('A', zeros("....c|p|")) + frame('Z', "T");
}

std::vector<Conversation> conversations() {
  return {{"extended", Direction::kFromClient, extended()},
          {"answers", Direction::kFromServer, answers()},
          {"unknown tag", Direction::kFromClient, frame('S') + "!" + frame('S')},
          {"bad length", Direction::kFromServer, frame('Z', "I") + header('D', 3) + "xyz"},
          {"too long", Direction::kFromClient, frame('S') + header('Q', 300'001) + "xyz"},
          {"half at the end", Direction::kFromServer,
           frame('Z', "I") + frame('D', "abc").substr(0, 6)}};
}

Reading whole(const Conversation& conversation) {
  Reading reading(conversation.direction);
  reading.feed(conversation.bytes);
  return reading;
}

void check_cuts(const Conversation& conversation, const std::vector<std::size_t>& cuts) {
  Reading reading(conversation.direction);
  std::size_t from = 0;
  for (const std::size_t cut : cuts) {
    reading.feed(std::string_view(conversation.bytes).substr(from, cut - from));
    from = cut;
  }
  reading.feed(std::string_view(conversation.bytes).substr(from));
  const Reading expected = whole(conversation);
  REQUIRE(reading.frames() == expected.frames());
  REQUIRE(reading.left() == expected.left());
}

}  // namespace

TEST_CASE("the whole conversations are what they should be") {
  CHECK(whole(conversations()[0]).frames().size() == 12);
  CHECK(whole(conversations()[1]).frames().size() == 16);
  CHECK(whole(conversations()[2]).frames().back() == "!1");
  CHECK(whole(conversations()[3]).frames().back() == "!2");
  CHECK(whole(conversations()[4]).frames().back() == "!3");
  CHECK(whole(conversations()[5]).left().size() == 6);
}

TEST_CASE("every pair of cuts") {
  for (const Conversation& conversation : conversations()) {
    CAPTURE(conversation.name);
    const std::size_t size = conversation.bytes.size();
    for (std::size_t first = 0; first <= size; ++first)
      for (std::size_t second = first; second <= size; ++second)
        check_cuts(conversation, {first, second});
  }
}

TEST_CASE("byte by byte") {
  for (const Conversation& conversation : conversations()) {
    std::vector<std::size_t> cuts(conversation.bytes.size());
    for (std::size_t i = 0; i < cuts.size(); ++i) cuts[i] = i;
    check_cuts(conversation, cuts);
  }
}

TEST_CASE("random cuts of conversations with frames of all sizes") {
  std::minstd_rand random(1);
  const auto below = [&](std::size_t limit) { return static_cast<std::size_t>(random()) % limit; };
  for (int round = 0; round < 300; ++round) {
    Conversation conversation{"random", Direction::kFromServer, {}};
    for (int count = 0; count < 12; ++count) {
      const std::size_t most = below(4) == 0 ? 120'000 : 300;
      std::string body(below(most), 'Z');
      for (char& c : body) c = static_cast<char>(random() >> 8);
      conversation.bytes += frame("DdTCNEZ"[below(7)], body);
    }
    std::vector<std::size_t> cuts;
    for (std::size_t at = 0; at < conversation.bytes.size();
         at += 1 + below(below(3) == 0 ? 20 : 50'000))
      cuts.push_back(at);
    check_cuts(conversation, cuts);
  }
}

TEST_CASE("startup packets in a row, in every cut") {
  const std::string input =
      packet(80877103) + packet(80877104) + packet(kProtocol32, zeros("user|saba||"));
  for (std::size_t cut = 0; cut <= input.size(); ++cut) {
    std::string carry = input.substr(0, cut);
    std::vector<std::size_t> kinds;
    for (int feed = 0; feed < 2; ++feed) {
      while (const auto packet_cut = cut_startup(bytes_of(carry))) {
        kinds.push_back(packet_cut->packet.index());
        carry.erase(0, packet_cut->consumed);
      }
      if (feed == 0) carry += input.substr(cut);
    }
    CHECK(kinds == std::vector<std::size_t>{0, 1, 3});
    CHECK(carry.empty());
  }
}
