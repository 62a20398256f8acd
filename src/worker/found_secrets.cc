#include "worker/found_secrets.h"

#include <algorithm>

namespace pgsaba::worker {

const auth::Secret* FoundSecrets::find(const Who& who) const {
  const auto found = known_.find(who);
  return found == known_.end() ? nullptr : &found->second.secret;
}

bool FoundSecrets::keep(const Who& who, const auth::Secret& secret, Micros now,
                        std::vector<Who>& dropped) {
  const auto found = known_.find(who);
  if (found != known_.end()) {
    found->second.used_at = now;
    if (found->second.secret == secret) return false;
    found->second.secret = secret;
    return true;
  }
  if (known_.size() >= most_) {
    const auto longest =
        std::ranges::min_element(known_, {}, [](const auto& one) { return one.second.used_at; });
    dropped.push_back(longest->first);
    known_.erase(longest);
  }
  known_.emplace(who, Known{secret, now});
  return true;
}

void FoundSecrets::used(const Who& who, Micros now) {
  const auto found = known_.find(who);
  if (found != known_.end()) found->second.used_at = now;
}

std::vector<FoundSecrets::Who> FoundSecrets::forget(Micros now, Micros limit) {
  std::vector<Who> gone;
  std::erase_if(known_, [&](const auto& one) {
    const bool over = now - one.second.used_at >= limit;
    if (over) gone.push_back(one.first);
    return over;
  });
  return gone;
}

}  // namespace pgsaba::worker
