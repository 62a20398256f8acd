#include "pgsaba/config/compare.h"

#include <algorithm>

#include "setting_value.h"
#include "settings_table.h"

namespace pgsaba::config {
namespace {

void compare_globals(const Config& old, const Config& next, Difference& difference) {
  for (const Section& section : sections()) {
    if (!is_global(section)) continue;
    for (const Setting& setting : section.settings) {
      const Value before = setting.access.load(&old);
      const Value after = setting.access.load(&next);
      if (before == after) continue;
      auto& list =
          setting.changeable == Changeable::kStart ? difference.start_only : difference.settings;
      list.push_back(
          {key_of(section, setting), format_value(setting, before), format_value(setting, after)});
    }
  }
}

std::string text_of(const std::vector<Listener>& listeners) {
  std::string text;
  for (const Listener& listener : listeners) {
    if (!text.empty()) text += ", ";
    text += (listener.is_unix() ? listener.unix_directory : listener.address) + ":" +
            std::to_string(listener.port);
    if (listener.tls_mode)
      text += " " + std::string(kTlsModes[static_cast<std::size_t>(*listener.tls_mode)]);
  }
  return text;
}

void compare_listeners(const Config& old, const Config& next, Difference& difference) {
  if (old.listen == next.listen) return;
  difference.start_only.push_back({"listen", text_of(old.listen), text_of(next.listen)});
}

std::string text_of(const std::vector<TlsFiles>& certificates) {
  std::string text;
  for (const TlsFiles& files : certificates) text += (text.empty() ? "" : ", ") + files.certificate;
  return "[" + text + "]";
}

void compare_certificates(const Config& old, const Config& next, Difference& difference) {
  if (old.tls.more == next.tls.more) return;
  difference.settings.push_back(
      {"tls.certificates", text_of(old.tls.more), text_of(next.tls.more)});
}

std::string text_of(const std::map<std::uint32_t, Peer>& peers) {
  std::string text;
  for (const auto& [id, peer] : peers)
    text += (text.empty() ? "" : ", ") + std::to_string(id) + " " + peer.host + ":" +
            std::to_string(peer.port);
  return "[" + text + "]";
}

void compare_peers(const Config& old, const Config& next, Difference& difference) {
  if (old.peers == next.peers) return;
  difference.settings.push_back({"peers", text_of(old.peers), text_of(next.peers)});
}

bool needs_reconnect(const DatabaseSettings& old, const DatabaseSettings& next) {
  const auto rows = database_settings();
  return std::any_of(rows.begin(), rows.end(), [&](const Setting& setting) {
    return setting.changeable == Changeable::kReconnect &&
           setting.access.load(&old) != setting.access.load(&next);
  });
}

// Calls back with the names in one or both maps and their values, null where there is none.
template <class Map, class Visit>
void walk(const Map& old, const Map& next, Visit visit) {
  for (const auto& [name, value] : old) {
    const auto found = next.find(name);
    visit(name, &value, found == next.end() ? nullptr : &found->second);
  }
  for (const auto& [name, value] : next) {
    if (!old.contains(name)) visit(name, static_cast<decltype(&value)>(nullptr), &value);
  }
}

void compare_databases(const Config& old, const Config& next, Difference& difference) {
  walk(old.databases, next.databases,
       [&](const std::string& name, const DatabaseSettings* before, const DatabaseSettings* after) {
         if (before == nullptr) {
           difference.databases_added.push_back(name);
         } else if (after == nullptr) {
           difference.databases_removed.push_back(name);
         } else if (*before != *after) {
           difference.databases_changed.push_back({name, needs_reconnect(*before, *after)});
         }
       });
}

void compare_clusters(const Config& old, const Config& next, Difference& difference) {
  walk(old.clusters, next.clusters,
       [&](const std::string& name, const Cluster* before, const Cluster* after) {
         if (before == nullptr) {
           difference.clusters_added.push_back(name);
         } else if (after == nullptr) {
           difference.clusters_removed.push_back(name);
         } else if (*before != *after) {
           difference.clusters_changed.push_back(name);
         }
       });
}

void compare_users(const Config& old, const Config& next, Difference& difference) {
  walk(old.users, next.users,
       [&](const std::string& name, const UserSettings* before, const UserSettings* after) {
         const bool same = before != nullptr && after != nullptr && *before == *after;
         if (!same) difference.users_changed.push_back(name);
       });
  std::sort(difference.users_changed.begin(), difference.users_changed.end());
}

}  // namespace

bool Difference::empty() const {
  return settings.empty() && start_only.empty() && databases_added.empty() &&
         databases_removed.empty() && databases_changed.empty() && clusters_added.empty() &&
         clusters_removed.empty() && clusters_changed.empty() && users_changed.empty();
}

Difference compare(const Config& old, const Config& next) {
  Difference difference;
  compare_globals(old, next, difference);
  compare_listeners(old, next, difference);
  compare_certificates(old, next, difference);
  compare_peers(old, next, difference);
  compare_databases(old, next, difference);
  compare_clusters(old, next, difference);
  compare_users(old, next, difference);
  return difference;
}

std::shared_ptr<const Config> keep_start_only(const Config& old, const Config& next) {
  auto kept = std::make_shared<Config>(next);
  kept->listen = old.listen;
  for (const Section& section : sections()) {
    if (!is_global(section)) continue;
    for (const Setting& setting : section.settings) {
      if (setting.changeable != Changeable::kStart) continue;
      setting.access.store(kept.get(), setting.access.load(&old));
    }
  }
  return kept;
}

}  // namespace pgsaba::config
