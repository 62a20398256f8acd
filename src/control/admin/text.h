// Words of ASCII, compared as the console does: without regard to case. Any thread; no state.
// Not <cctype>: its answers depend on the locale.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

namespace pgsaba::admin {

inline char to_upper(char letter) {
  return letter >= 'a' && letter <= 'z' ? static_cast<char>(letter - 'a' + 'A') : letter;
}

inline std::string to_upper(std::string_view text) {
  std::string upper(text);
  std::transform(upper.begin(), upper.end(), upper.begin(), [](char c) { return to_upper(c); });
  return upper;
}

inline bool same_word(std::string_view left, std::string_view right) {
  return std::equal(left.begin(), left.end(), right.begin(), right.end(),
                    [](char a, char b) { return to_upper(a) == to_upper(b); });
}

}  // namespace pgsaba::admin
