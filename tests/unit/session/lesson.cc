#include "session/lesson.h"

#include <doctest/doctest.h>

#include "unit/wire/frames.h"

using namespace pgsaba;
using namespace pgsaba::session;
using namespace pgsaba::testing;

namespace {

const std::string complete = frame('C', zeros("SET|"));
const std::string status = frame('S', zeros("TimeZone|UTC|"));
const std::string ready = frame('Z', "I");

std::optional<pool::KnownAnswer> taught(const std::string& frames) {
  return Lesson{nullptr, "set timezone to 'UTC'", frames}.answer();
}

}  // namespace

TEST_CASE("a plain success is learned, in the order in which it came") {
  REQUIRE(taught(complete + status + ready));
  CHECK(taught(complete + status + ready)->frames == complete + status);
  CHECK(taught(status + complete)->frames == status + complete);
  CHECK(taught(status + complete)->reported == wire::ParameterList{{"TimeZone", "UTC"}});
  const std::string row = frame('T', "x") + frame('D', "y") + frame('C', zeros("SHOW|"));
  REQUIRE(taught(row + ready));
  CHECK(taught(row + ready)->frames == row);
  CHECK(taught(row + ready)->reported.empty());
}

TEST_CASE("anything else is not") {
  CHECK_FALSE(taught(""));
  CHECK_FALSE(taught(ready));
  CHECK_FALSE(taught(frame('E', zeros("SERROR||")) + ready));
  CHECK_FALSE(taught(frame('N', zeros("SWARNING||")) + complete + ready));
  CHECK_FALSE(taught(frame('A', "xxxx") + complete + ready));
  CHECK_FALSE(taught((complete + ready).substr(0, complete.size() - 1)));
}
