#include "pgsaba/routing/read_balance.h"

#include <algorithm>
#include <utility>

namespace pgsaba::routing {
namespace {

constexpr float kUntriedLatencyUs = 1;  // who was never tried is tried first
constexpr float kSmoothing = 0.1F;      // what one read counts for
// Who gets no reads learns nothing of its latency: it is forgotten in about this time, so that it
// is tried again.
constexpr Micros kForgetUs = 2 * kSecond;

// Those that cost about the same take turns.
constexpr float kClearlyLess = 0.8F;

bool may_be_read(const TopologyCluster& cluster, const TopologyServer& server) {
  if (!server.reachable || server.role != ServerRole::kStandby || !server.streaming) return false;
  if (server.disabled) return false;
  if (!cluster.primary) return false;
  // One that follows another timeline has another history.
  const std::uint32_t timeline = cluster.servers[*cluster.primary].timeline;
  return timeline != 0 && server.timeline == timeline;
}

}  // namespace

// While the primary does not answer, or has become a standby, nobody streams from it; what standbys
// have is the latest that is known.
bool fit_for_reads(const TopologyCluster& cluster, const TopologyServer& server, Micros max_lag,
                   bool fit_before) {
  if (cluster.primary_state == PrimaryState::kUnreachable ||
      cluster.primary_state == PrimaryState::kNone ||
      cluster.primary_state == PrimaryState::kStrangers)
    return fit_before && server.reachable && !server.disabled &&
           server.role == ServerRole::kStandby;
  if (!may_be_read(cluster, server)) return false;
  if (max_lag == 0) return true;
  if (!server.replay_lag_time) return false;
  return *server.replay_lag_time <= (fit_before ? max_lag : max_lag / 2);
}

void ReadBalance::update(const TopologyCluster& cluster, const std::vector<std::int32_t>& weights,
                         Micros max_lag, Micros now) {
  const std::size_t before = count_;
  count_ = std::min(cluster.servers.size(), CausalClock::kMaxServers);
  for (std::size_t i = count_; i < before; ++i) at(i).fit = false;
  fit_count_ = 0;
  primary_answers_ = cluster.primary && cluster.servers[*cluster.primary].reachable;
  for (std::size_t i = 0; i < count_; ++i) {
    Standby& standby = at(i);
    const bool fit = fit_for_reads(cluster, cluster.servers[i], max_lag, standby.fit);
    if (fit && !standby.fit) standby.fit_since = now;
    standby.fit = fit;
    standby.weight = i < weights.size() ? std::max(weights[i], 0) : 1;
    fit_count_ += fit && standby.weight > 0 ? 1 : 0;
  }
  tick(now);
}

void ReadBalance::tick(Micros now) {
  settle_shares(now);
  forget_latencies(now);
}

void ReadBalance::settle_shares(Micros now) {
  for (std::size_t i = 0; i < count_; ++i) {
    const Micros since = now - at(i).fit_since;
    const Micros warm =
        std::clamp<Micros>(100 * since / kWarmUpUs, kColdShare, 100);  // in hundredths
    at(i).share = static_cast<float>(at(i).weight) * static_cast<float>(warm) / 100;
  }
}

void ReadBalance::forget_latencies(Micros now) {
  const Micros since = std::min(now - std::exchange(updated_at_, now), kForgetUs);
  const float kept = 1 - static_cast<float>(since) / static_cast<float>(kForgetUs);
  for (std::size_t i = 0; i < count_; ++i)
    if (!std::exchange(at(i).read, false)) at(i).latency_us *= kept;
}

std::optional<std::size_t> ReadBalance::pick(const CausalClock* clock, const ReadNeeds& needs) {
  if (fit_count_ == 0) return std::nullopt;
  std::optional<std::size_t> best;
  float least = 0;
  for (std::size_t step = 0; step < count_; ++step) {
    const std::size_t i = first_ + step < count_ ? first_ + step : first_ + step - count_;
    const Standby& standby = at(i);
    if (!standby.fit || standby.share <= 0) continue;
    if (clock != nullptr && clock->fresh_for(i) <= needs.at(i, clock->life(i))) continue;
    const float latency = standby.latency_us > 0 ? standby.latency_us : kUntriedLatencyUs;
    const float cost = latency * static_cast<float>(standby.in_flight + 1) / standby.share;
    if (!best || cost < kClearlyLess * least) {
      best = i;
      least = cost;
    }
  }
  if (best) first_ = *best + 1 < count_ ? *best + 1 : 0;
  return best;
}

Epoch ReadBalance::least_need(const CausalClock& clock, const ReadNeeds& needs) const {
  Epoch least = std::max(needs.written, needs.seen);
  for (std::size_t i = 0; i < count_; ++i)
    if (at(i).fit && at(i).weight > 0) least = std::min(least, needs.at(i, clock.life(i)));
  return least;
}

void ReadBalance::ended(std::size_t server, Micros took) {
  Standby& standby = at(server);
  gave_up(server);
  standby.read = true;
  const auto sample = static_cast<float>(std::max<Micros>(took, 1));
  standby.latency_us = standby.latency_us == 0
                           ? sample
                           : standby.latency_us + kSmoothing * (sample - standby.latency_us);
}

}  // namespace pgsaba::routing
