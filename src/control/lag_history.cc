#include "lag_history.h"

#include <algorithm>

namespace pgsaba::control {
namespace {

// The insert position of an idle primary may stand behind the header of a page nothing was written
// to (PostgreSQL's access/xlog_internal.h: 24 bytes, 40 on a segment's first page); a standby stops
// before that header. Segments are multiples of 1 MiB. Good for lag only.
std::uint64_t before_page_header(std::uint64_t lsn) {
  constexpr std::uint64_t kSmallestSegment = 1U << 20;
  constexpr std::uint64_t kPage = 8192;
  if (lsn % kSmallestSegment == 40) return lsn - 40;
  if (lsn % kPage == 24) return lsn - 24;
  return lsn;
}

}  // namespace

void LagHistory::record(Micros now, std::uint64_t lsn) {
  const std::uint64_t position = before_page_header(lsn);
  if (!samples_.empty() && position < samples_.back().lsn) samples_.clear();
  if (!samples_.empty() && position == samples_.back().lsn) return;
  samples_.push_back({now, position});
  if (samples_.size() > kMaxSamples) samples_.pop_front();
}

std::optional<std::uint64_t> LagHistory::bytes_behind(std::uint64_t replayed_lsn) const {
  if (samples_.empty()) return std::nullopt;
  const std::uint64_t newest = samples_.back().lsn;
  return newest > replayed_lsn ? newest - replayed_lsn : 0;
}

std::optional<Micros> LagHistory::time_behind(Micros now, std::uint64_t replayed_lsn) const {
  if (samples_.empty()) return std::nullopt;
  const auto missing =
      std::upper_bound(samples_.begin(), samples_.end(), replayed_lsn,
                       [](std::uint64_t lsn, const Sample& sample) { return lsn < sample.lsn; });
  return missing == samples_.end() ? 0 : now - missing->at;
}

}  // namespace pgsaba::control
