#include "control/catch_up.h"

#include <algorithm>
#include <optional>

namespace pgsaba::control {

void CatchUp::target(Micros now, std::uint64_t lsn) {
  if (!targets_.empty() && targets_.back().lsn == lsn) return;
  targets_.push_back({now, lsn});
  // The first one tells how long the standby is overdue.
  if (targets_.size() > kMost) targets_.erase(targets_.begin() + 1);
}

void CatchUp::replayed(Micros now, std::uint64_t lsn) {
  heard_at_ = now;
  std::optional<Micros> took;  // until it reached the last of those
  for (; !targets_.empty() && targets_.front().lsn <= lsn; targets_.pop_front())
    took = now - targets_.front().at;
  if (!took) return;
  took_.at(next_) = *took;
  next_ = (next_ + 1) % kTimes;
}

Micros CatchUp::expected() const {
  const Micros shortest = *std::ranges::min_element(took_);
  if (targets_.empty()) return shortest;
  return std::max(shortest, (heard_at_ - targets_.front().at) / static_cast<Micros>(kTimes));
}

}  // namespace pgsaba::control
