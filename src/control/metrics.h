// What Prometheus reads: the same picture as the console's, as families of metrics in native units
// (seconds, bytes). Labels are names out of the configuration and words of ours, so that their
// number is bounded by what is configured; databases of the entry "*" and users come and go with
// their pools. Pure; any thread.
#pragma once

#include <string>
#include <vector>

#include "control/admin/picture.h"

namespace pgsaba::control {

// What the kernel says of this process.
struct ProcessFacts {
  Micros asked_at = 0;  // when the workers were asked for their snapshots; wall clock
  std::uint64_t resident_bytes = 0;
  std::uint64_t virtual_bytes = 0;
  std::uint64_t open_files = 0;
  std::uint64_t max_files = 0;
  double cpu_seconds = 0;
  double start_time_seconds = 0;  // since 1970
};
ProcessFacts process_facts();  // reads /proc

// In the text format, version 0.0.4.
std::string metrics_text(const admin::ConsolePicture& picture, const ProcessFacts& process);

}  // namespace pgsaba::control
