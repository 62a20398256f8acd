#include "pgsaba/server/custom_names.h"

#include <algorithm>
#include <set>
#include <utility>

namespace pgsaba::server {

void CustomNames::learn(const std::string& name) {
  const std::lock_guard lock(mutex_);
  const auto place = std::ranges::lower_bound(learned_, name);
  if (learned_.size() >= kMost || (place != learned_.end() && *place == name)) return;
  learned_.insert(place, name);
  gather();
}

bool CustomNames::found(const std::string& database, std::vector<std::string> names) {
  const std::lock_guard lock(mutex_);
  std::ranges::sort(names);
  names.erase(std::unique(names.begin(), names.end()), names.end());
  std::set<std::string> together;
  for (const auto& [other, theirs] : found_)
    if (other != database) together.insert(theirs.begin(), theirs.end());
  bool all_fit = true;
  std::erase_if(names, [&](const std::string& name) {
    if (together.contains(name)) return false;
    const bool fits = together.size() < kMost;
    all_fit = all_fit && fits;
    if (fits) together.insert(name);
    return !fits;
  });
  std::vector<std::string>& before = found_[database];
  if (before != names) {
    before = std::move(names);
    gather();
  }
  return all_fit;
}

std::vector<std::string> CustomNames::learned() const {
  const std::lock_guard lock(mutex_);
  return learned_;
}

CustomNames::List CustomNames::all() const {
  const std::lock_guard lock(mutex_);
  return all_;
}

void CustomNames::gather() {
  std::set<std::string> together(learned_.begin(), learned_.end());
  for (const auto& [database, names] : found_) together.insert(names.begin(), names.end());
  all_ = std::make_shared<const std::vector<std::string>>(together.begin(), together.end());
}

}  // namespace pgsaba::server
