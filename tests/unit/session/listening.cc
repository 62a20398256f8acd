#include "session/listening.h"

#include <doctest/doctest.h>

#include "unit/wire/frames.h"

using namespace pgsaba;
using namespace pgsaba::session;
using namespace pgsaba::testing;

namespace {

std::string notification(const std::string& channel, std::size_t payload_bytes = 1) {
  return frame('A', be32(1) + channel + '\0' + std::string(payload_bytes, 'x') + '\0');
}

}  // namespace

TEST_CASE("what comes on channels that are given up is forgotten, the rest stays in its order") {
  Listening listening;
  listening.channels = {"a", "b", "c"};
  for (const char* channel : {"a", "b", "c", "b", "a"})
    CHECK(listening.keep(bytes_of(notification(channel))));
  listening.channels = {"a", "c"};
  CHECK(listening.has("a"));
  CHECK_FALSE(listening.has("b"));
  listening.drop_others();
  CHECK(listening.waiting == notification("a") + notification("c") + notification("a"));
}

TEST_CASE("four MiB may wait, and not a byte more") {
  const std::string one = notification("a", 65'536 - 1 - 4 - 4 - 2 - 1);
  REQUIRE(one.size() == 65'536);
  Listening listening;
  for (int i = 0; i < 63; ++i) REQUIRE(listening.keep(bytes_of(one)));
  std::string larger = notification("a", 65'536 - 1 - 4 - 4 - 2);
  REQUIRE(larger.size() == 65'537);
  CHECK_FALSE(listening.keep(bytes_of(larger)));
  CHECK(listening.waiting.size() == 63 * one.size());
  CHECK(listening.keep(bytes_of(one)));
  CHECK(listening.waiting.size() == 4'194'304);
  CHECK_FALSE(listening.keep(bytes_of(notification("a"))));
}
