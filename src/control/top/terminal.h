// Terminal: the screen and the keys while a program shows itself on all of it; as before when it
// ends, also by SIGINT, SIGTERM or SIGHUP, which only ask it to end. Main thread; one at a time.
#pragma once

#include <termios.h>

#include <string>
#include <vector>

#include "control/top/screen.h"

namespace pgsaba::control::top {

enum class Wish : std::uint8_t { kNone, kRefresh, kQuit };

class Terminal {
 public:
  Terminal();
  ~Terminal();
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  Extent extent() const;
  void show(const std::vector<Line>& lines);
  // Until somebody wishes something, the window changes (kNone), or the time is over (kRefresh).
  Wish wait(Micros time);

 private:
  termios before_{};
  bool is_keyboard_ = false;
};

}  // namespace pgsaba::control::top
