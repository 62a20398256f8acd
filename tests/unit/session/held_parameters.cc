#include "session/held_parameters.h"

#include <doctest/doctest.h>

namespace pgsaba::session {
namespace {

std::string status(std::string_view name, std::string_view value) {
  std::string frame;
  wire::append_parameter_status(frame, name, value);
  return frame;
}

}  // namespace

TEST_CASE("of several values the last is told") {
  HeldParameters held;
  held.hold("TimeZone", "Asia/Tokyo", "UTC");
  held.hold("application_name", "shop", "");
  held.hold("TimeZone", {}, "Asia/Seoul");
  CHECK(held.holds("TimeZone"));
  CHECK_FALSE(held.holds("DateStyle"));
  CHECK(held.take() == status("TimeZone", "Asia/Seoul") + status("application_name", ""));
  CHECK(held.take().empty());
}

TEST_CASE("what is again as it was is not told") {
  HeldParameters held;
  held.hold("application_name", "shop", "");
  held.hold("application_name", "", "shop");
  CHECK(held.take().empty());
}

}  // namespace pgsaba::session
