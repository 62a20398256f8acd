#include "pgsaba/session/pin.h"

#include <array>
#include <string_view>

namespace pgsaba::session {

std::string Pins::describe_pins(std::uint8_t bits) {
  static constexpr std::array<std::string_view, kPinReasons> kNames = {
      "temporary objects", "advisory locks",     "cursors WITH HOLD", "PREPARE", "LISTEN",
      "sequences",         "irreversible state", "unknown state"};
  std::string text;
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if ((bits >> i & 1U) == 0) continue;
    if (!text.empty()) text += ", ";
    text += kNames[i];
  }
  return text;
}

}  // namespace pgsaba::session
