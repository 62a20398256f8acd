#include "position_targets.h"

namespace pgsaba::control {
namespace {

constexpr std::uint64_t kPageBytes = 8'192;
constexpr std::uint64_t kShortHeaderBytes = 24;
constexpr std::uint64_t kLongHeaderBytes = 40;

}  // namespace

std::uint64_t reachable_position(std::uint64_t insert_lsn, std::uint64_t segment_bytes) {
  if (segment_bytes > 0 && insert_lsn % segment_bytes == kLongHeaderBytes)
    return insert_lsn - kLongHeaderBytes;
  if (insert_lsn % kPageBytes == kShortHeaderBytes) return insert_lsn - kShortHeaderBytes;
  return insert_lsn;
}

void PositionTargets::add(routing::Epoch epoch, std::uint64_t lsn) {
  if (!targets_.empty() && targets_.back().lsn == lsn) {
    targets_.back().epoch = epoch;
    return;
  }
  targets_.push_back({epoch, lsn});
  if (targets_.size() > kMost) targets_.pop_front();
}

routing::Epoch PositionTargets::reached(std::uint64_t replayed_lsn) const {
  // NOLINTNEXTLINE(modernize-loop-convert)
  for (auto target = targets_.rbegin(); target != targets_.rend(); ++target)
    if (target->lsn <= replayed_lsn) return target->epoch;
  return 0;
}

}  // namespace pgsaba::control
