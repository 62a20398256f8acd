#include "pgsaba/session/pin_counts.h"

namespace pgsaba::session {

void PinCounts::taken(Pins pins) {
  for_each(pins, [](PinCount& count) { ++count.taken; });
}

void PinCounts::ended(Pins pins, Micros kept) {
  for_each(pins, [kept](PinCount& count) {
    ++count.ended;
    count.kept_us += static_cast<std::uint64_t>(kept);
  });
}

void PinCounts::waited(Pins pins, Micros wait) {
  for_each(pins, [wait](PinCount& count) {
    ++count.waited;
    count.wait_us += static_cast<std::uint64_t>(wait);
  });
}

void PinCounts::refused(Pins pins) {
  for_each(pins, [](PinCount& count) { ++count.refused; });
}

}  // namespace pgsaba::session
