// HeldParameters: what a server reports of parameters that have values of the client's own as their
// defaults. A RESET goes to the server's default first and to the client's behind that: the client
// is told once, when it is over, and only if the value is another one then. Pure.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "pgsaba/wire/backend.h"

namespace pgsaba::session {

class HeldParameters {
 public:
  // `told`: what the client knows so far.
  void hold(std::string_view name, std::string_view told, std::string_view now) {
    const auto held = std::ranges::find(all_, name, &Held::name);
    if (held != all_.end()) {
      held->now = now;
    } else {
      all_.push_back({std::string(name), std::string(told), std::string(now)});
    }
  }
  bool holds(std::string_view name) const {
    return std::ranges::find(all_, name, &Held::name) != all_.end();
  }
  // The messages that are due.
  std::string take() {
    std::string frames;
    for (const Held& held : all_)
      if (held.now != held.told) wire::append_parameter_status(frames, held.name, held.now);
    all_.clear();
    return frames;
  }

 private:
  struct Held {
    std::string name;
    std::string told;
    std::string now;
  };
  std::vector<Held> all_;
};

}  // namespace pgsaba::session
