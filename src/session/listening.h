// Listening: the channels that a client listens to while it has no server, and the notifications
// that have come while it was in no state to hear of them. Only clients that listen have one.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "pgsaba/base/bytes.h"

namespace pgsaba::session {

struct Listening {
  // More than a client may let pile up inside a transaction ends it: it must not miss any silently.
  static constexpr std::size_t kMaxWaitingBytes = 4U << 20U;

  std::vector<std::string> channels;  // sorted
  std::string waiting;                // whole frames

  bool has(std::string_view channel) const {
    return std::ranges::binary_search(channels, channel, std::less<>());
  }
  // Keeps a notification, or a warning that some were missed, for later; false: too many wait
  // already.
  [[nodiscard]] bool keep(Bytes frame);
  // Forgets what waits on channels that it does not listen to; warnings stay.
  void drop_others();
};

}  // namespace pgsaba::session
