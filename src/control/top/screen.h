// What `pgsaba top` writes, line by line: a pure function from figures to text. Any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "control/top/figures.h"

namespace pgsaba::control::top {

enum class Look : std::uint8_t { kPlain, kTitle, kHeading, kWarning, kAlarm };

struct Line {
  std::string text;  // no control characters; UTF-8
  Look look = Look::kPlain;

  bool operator==(const Line&) const = default;
};

// Of a terminal. A file has neither end.
struct Extent {
  std::size_t lines = SIZE_MAX;
  std::size_t columns = SIZE_MAX;
};

// `before` is what rates are counted from; nullptr: they are not known yet. Of what does not fit,
// the tables below lose more than those above.
std::vector<Line> screen(const Figures& now, const Figures* before, Extent extent);

// "870 µs", "12 ms", "3.4 s", "5 min 12 s", "2 h 3 min"
std::string duration_text(Micros us);
// "17 B", "1.5 KiB"
std::string bytes_text(std::int64_t bytes);

}  // namespace pgsaba::control::top
