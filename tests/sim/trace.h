// Trace: PGSABA_SIM_TRACE=N shows on standard error all messages of client N and of the back ends
// that serve it. For whoever plays a seed again.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "pgsaba/base/clock.h"
#include "sim/tag.h"

namespace pgsaba::sim {

inline std::string printable(std::string_view bytes) {
  std::string text;
  for (const char c : bytes.substr(0, 1600)) text.push_back(c >= ' ' && c <= '~' ? c : '.');
  return text;
}

inline int traced_client() {
  static const char* const wanted = std::getenv("PGSABA_SIM_TRACE");
  return wanted == nullptr ? -1 : std::atoi(wanted);
}

inline void trace(int client, Micros now, const char* what, std::string_view bytes) {
  if (client != traced_client()) return;
  std::fprintf(stderr, "%8lld %s %s\n", static_cast<long long>(now), what,
               printable(bytes).c_str());
}

}  // namespace pgsaba::sim
