#include "pgsaba/routing/causal_clock.h"

namespace pgsaba::routing {
namespace {

void raise(std::atomic<Epoch>& value, Epoch to) {
  Epoch known = value.load(std::memory_order_relaxed);
  while (known < to && !value.compare_exchange_weak(known, to, std::memory_order_acq_rel,
                                                    std::memory_order_relaxed)) {
  }
}

}  // namespace

bool CausalClock::became_fresh(std::size_t server, std::uint32_t life, Epoch epoch) {
  std::uint64_t mark = marks_[server].load(std::memory_order_acquire);
  const std::uint64_t next = static_cast<std::uint64_t>(life) << kLifeShift | (epoch & kEpochMask);
  do {
    if (mark >> kLifeShift != life) return false;
    if ((mark & kEpochMask) >= epoch) return true;
  } while (!marks_[server].compare_exchange_weak(mark, next, std::memory_order_acq_rel));
  return true;
}

void CausalClock::forget(std::size_t server) {
  looked_.store(0, std::memory_order_release);  // what looks have found for it is gone
  std::uint64_t mark = marks_[server].load(std::memory_order_relaxed);
  std::uint64_t next = 0;
  do {
    next = ((mark >> kLifeShift) + 1) << kLifeShift;  // wraps around
  } while (!marks_[server].compare_exchange_weak(mark, next, std::memory_order_acq_rel));
}

void CausalClock::forget_all() {
  for (std::size_t server = 0; server < kMaxServers; ++server) forget(server);
}

bool CausalClock::want(Epoch epoch) {
  if (looked_.load(std::memory_order_acquire) > epoch) return false;
  return !told_.exchange(true, std::memory_order_acq_rel);
}

Epoch CausalClock::begin_look() {
  told_.store(false, std::memory_order_release);
  const Epoch look = tick();
  looked_.store(look, std::memory_order_release);
  return look;
}

void CausalClock::look_failed() {
  looked_.store(0, std::memory_order_release);
  told_.store(false, std::memory_order_release);
}

void CausalClock::set_waiting(std::size_t worker, bool waiting) {
  const std::uint64_t bit = std::uint64_t{1} << worker;
  if (waiting) {
    waiting_.fetch_or(bit, std::memory_order_acq_rel);
  } else {
    waiting_.fetch_and(~bit, std::memory_order_acq_rel);
  }
}

void DatabaseClock::wrote(Epoch epoch) { raise(last_, epoch); }

std::shared_ptr<CausalClock> CausalBook::cluster(const std::string& name) {
  const std::lock_guard lock(mutex_);
  clock(name);
  return clusters_[name];
}

CausalClock& CausalBook::clock(const std::string& name) {
  auto& place = clusters_[name];
  if (!place) place = std::make_shared<CausalClock>();
  return *place;
}

std::shared_ptr<DatabaseClock> CausalBook::database(const std::string& cluster,
                                                    const std::string& dbname) {
  const std::lock_guard lock(mutex_);
  auto& place = databases_[{cluster, dbname}];
  if (place) return place;
  place = std::make_shared<DatabaseClock>();
  if (others_wrote_) place->wrote(clock(cluster).tick());
  return place;
}

void CausalBook::everything_written() {
  const std::lock_guard lock(mutex_);
  others_wrote_ = true;
  for (const auto& [name, database] : databases_) database->wrote(clock(name.first).tick());
}

std::shared_ptr<Spill> CausalBook::spill(const std::string& cluster) {
  const std::lock_guard lock(mutex_);
  auto& place = spills_[cluster];
  if (!place) place = std::make_shared<Spill>();
  return place;
}

}  // namespace pgsaba::routing
