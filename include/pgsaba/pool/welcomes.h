// Welcomes: what the servers of a pool say of themselves at login, also under the settings that
// clients ask for in their startup packet. Learned once for the whole process, so that a client can
// be greeted without a server. Any thread; touched at logins only. Bounded.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "pgsaba/server/settings.h"
#include "pgsaba/wire/frontend.h"

namespace pgsaba::pool {

class Welcomes {
 public:
  using Parameters = std::shared_ptr<const wire::ParameterList>;

  // Null while no server was asked.
  Parameters find(const server::SettingsRef& settings) const;
  void learn(const server::SettingsRef& settings, wire::ParameterList parameters);
  // What a server says by default. If that is news, what was learned under settings is so no
  // longer. The same list is given to all servers that say the same, as long as it is the last.
  Parameters heard(const wire::ParameterList& parameters);
  // The servers may answer otherwise from now on; what they say by default is kept until they do.
  void forget_learned();

 private:
  static constexpr std::size_t kMaxLearned = 64;
  struct Learned {
    server::SettingsRef settings;
    Parameters parameters;
  };

  mutable std::mutex mutex_;
  Parameters by_default_;
  std::vector<Learned> learned_;
};

}  // namespace pgsaba::pool
