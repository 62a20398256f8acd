// Turns the files' entries into a Config by walking the settings table, and reports every entry
// that the table does not know or whose value does not fit. Remembers where each thing was set, for
// the checks that come after. Control thread; lives for one load().
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "pgsaba/config/config.h"
#include "pgsaba/config/load.h"
#include "pgsaba/config/problems.h"
#include "pgsaba/config/yaml_tree.h"
#include "settings_table.h"

namespace pgsaba::config {

// Where each key was set: "databases.mastodon", "databases.mastodon.pool_size", ...
using Places = std::map<std::string, Place, std::less<>>;

// The nearest known place above `key`, or {}.
Place place_of(const Places& places, std::string_view key);

class ConfigBuilder {
 public:
  ConfigBuilder(const Environment& environment, Problems& problems)
      : environment_(environment), problems_(problems) {}

  void add(const std::vector<Entry>& entries);

  Config& config() { return config_; }
  const Places& places() const { return places_; }

 private:
  void add_section(const Entry& entry);
  void add_listeners(const Entry& entry);
  void add_tls(const Entry& entry);
  void add_certificates(const Entry& entry);
  void add_clusters(const Entry& entry);
  void add_cluster(const Entry& entry, const std::string& where);
  void add_servers(const YamlNode& node, Cluster& cluster, const std::string& where);
  void add_databases(const Entry& entry);
  void add_users(const Entry& entry);
  void add_peers(const Entry& entry);

  // Every entry of a map into the record, by the rows of the section.
  void apply(const YamlNode& map, const Section& section, const std::string& where, Record record);
  void set(const Setting& setting, const Entry& entry, const std::string& where, Record record);
  Result<Value> value_of(const Setting& setting, const YamlNode& node);
  Result<Value> scalar_of(const Setting& setting, const YamlNode& node);
  Result<Value> list_of(const YamlNode& node);

  bool is_map(const Entry& entry, const std::string& what);
  bool is_list(const YamlNode& node, const std::string& what);
  // Notes where the key is set; false (and an error) if that happened before.
  bool remember(const std::string& key, const Place& place, bool fresh);
  void unknown_key(const Entry& entry, const std::string& where,
                   const std::vector<std::string_view>& candidates);

  const Environment& environment_;
  Problems& problems_;
  Config config_;
  Places places_;
};

}  // namespace pgsaba::config
