#include "pgsaba/pool/welcomes.h"

namespace pgsaba::pool {

Welcomes::Parameters Welcomes::find(const server::SettingsRef& settings) const {
  const std::lock_guard lock(mutex_);
  if (!settings) return by_default_;
  for (const Learned& learned : learned_)
    if (same_settings(learned.settings, settings)) return learned.parameters;
  return nullptr;
}

void Welcomes::learn(const server::SettingsRef& settings, wire::ParameterList parameters) {
  auto shared = std::make_shared<const wire::ParameterList>(std::move(parameters));
  const std::lock_guard lock(mutex_);
  if (learned_.size() >= kMaxLearned) learned_.erase(learned_.begin());
  learned_.push_back({settings, std::move(shared)});
}

Welcomes::Parameters Welcomes::heard(const wire::ParameterList& parameters) {
  const std::lock_guard lock(mutex_);
  if (by_default_ && *by_default_ == parameters) return by_default_;
  by_default_ = std::make_shared<const wire::ParameterList>(parameters);
  learned_.clear();
  return by_default_;
}

void Welcomes::forget_learned() {
  const std::lock_guard lock(mutex_);
  learned_.clear();
}

}  // namespace pgsaba::pool
