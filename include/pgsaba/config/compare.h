// What a reload changes. Pure values; any thread. Used by the control thread to decide which pools
// lose their server connections and what the log says.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "pgsaba/config/config.h"

namespace pgsaba::config {

struct SettingChange {
  std::string key;  // section.name
  std::string old_value;
  std::string new_value;
};

struct DatabaseChange {
  std::string name;
  // Open server connections no longer fit (other cluster, dbname, user, ...) and are replaced when
  // they are next free.
  bool reconnect = false;
};

struct Difference {
  std::vector<SettingChange> settings;    // take effect at once
  std::vector<SettingChange> start_only;  // need a restart
  std::vector<std::string> databases_added;
  std::vector<std::string> databases_removed;
  std::vector<DatabaseChange> databases_changed;
  std::vector<std::string> clusters_added;
  std::vector<std::string> clusters_removed;
  std::vector<std::string> clusters_changed;
  std::vector<std::string> users_changed;  // added, removed or changed

  bool empty() const;
};

Difference compare(const Config& old, const Config& next);

// `next` with the settings that only a restart can change taken from `old`: what a reload uses.
std::shared_ptr<const Config> keep_start_only(const Config& old, const Config& next);

}  // namespace pgsaba::config
