#include "time_text.h"

#include <array>
#include <ctime>

namespace pgsaba::admin {

std::string time_text(Micros wall_us) {
  if (wall_us == 0) return {};
  const std::time_t seconds = wall_us / kSecond;
  std::tm parts{};
  ::localtime_r(&seconds, &parts);
  std::array<char, 64> text{};
  const std::size_t length =
      std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S %Z", &parts);
  return {text.data(), length};
}

}  // namespace pgsaba::admin
