#include "control/takeover_message.h"

#include <doctest/doctest.h>

#include "control/standing.h"

using namespace pgsaba;
using control::TakeoverMessage;
using Kind = TakeoverMessage::Kind;

TEST_CASE("a message is the same on the other side") {
  const TakeoverMessage message{Kind::kListener, 1'234'567'890'123, true, std::string("a\0b", 3),
                                "/run/x"};
  const auto read = control::unpack_message(control::pack(message));
  REQUIRE(read.ok());
  CHECK(*read == message);
}

TEST_CASE("what is cut off, goes on, or has no such kind is refused") {
  std::string bytes = control::pack({Kind::kStopping, 2, false, "text", "more"});
  for (std::size_t size = 0; size < bytes.size(); ++size)
    CHECK_FALSE(control::unpack_message(std::string_view(bytes).substr(0, size)).ok());
  CHECK_FALSE(control::unpack_message(bytes + "x").ok());
  ++bytes[0];
  CHECK_FALSE(control::unpack_message(bytes).ok());
}

TEST_CASE("what is paused and disabled is so in the other process") {
  worker::Picture picture;
  picture.all_paused = true;
  picture.paused = {"a", "b"};
  picture.disabled = {"c"};
  picture.disabled_servers = {{"main", "two"}};
  worker::Picture other;
  control::apply_standing(control::pack_standing(picture), other);
  CHECK(other.all_paused);
  CHECK(other.paused == picture.paused);
  CHECK(other.disabled == picture.disabled);
  CHECK(other.disabled_servers == picture.disabled_servers);
  worker::Picture third;
  control::apply_standing("nonsense", third);
  CHECK_FALSE(third.all_paused);
}
