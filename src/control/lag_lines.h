// LagLines: how far behind each standby was over the last minutes, for whoever draws it.
// Control thread; a value. Bounded: kPoints samples of each server that is configured.
#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "control/admin/picture.h"
#include "pgsaba/base/clock.h"

namespace pgsaba::control {

class LagLines {
 public:
  static constexpr Micros kIntervalUs = 2 * kSecond;  // between two samples
  static constexpr std::size_t kPoints = 300;         // ten minutes

  // Microseconds, oldest first; nullopt: it was no standby then, or nobody knew.
  using Points = std::deque<std::optional<Micros>>;
  // By cluster and server, both by their names in the configuration.
  using Lines = std::map<std::pair<std::string, std::string>, Points>;

  // A server that is no longer listed is forgotten; a new one begins here.
  void record(const std::vector<admin::TopologyRow>& servers);
  const Lines& lines() const { return lines_; }

 private:
  Lines lines_;
};

}  // namespace pgsaba::control
