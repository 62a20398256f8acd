// A short sleep between two looks at something that tells nobody when it is done. For the demo's
// blocking code only. A signal ends it early.
#pragma once

#include <ctime>

#include "pgsaba/base/clock.h"

namespace pgsaba::control {

inline void nap(Micros duration) {
  const timespec pause{duration / kSecond, static_cast<long>(duration % kSecond) * 1'000};
  ::nanosleep(&pause, nullptr);
}

}  // namespace pgsaba::control
