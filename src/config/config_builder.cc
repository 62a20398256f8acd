#include "config_builder.h"

#include "expansion.h"
#include "pgbouncer_keys.h"
#include "setting_value.h"
#include "source_files.h"
#include "suggestion.h"
#include "units.h"

namespace pgsaba::config {
namespace {

std::string quoted(std::string_view text) { return "'" + std::string(text) + "'"; }

std::vector<std::string_view> names_of(const Section& section) {
  std::vector<std::string_view> names;
  for (const Setting& setting : section.settings) names.push_back(setting.name);
  return names;
}

std::vector<std::string_view> top_level_names() {
  std::vector<std::string_view> names = names_of(section_at(""));
  names.emplace_back("include");
  for (const Section& section : sections()) {
    const std::string_view name = section.path.substr(0, section.path.find_first_of(".["));
    if (!name.empty() && names.back() != name) names.push_back(name);
  }
  return names;
}

// A key that is right somewhere else, by our name or by PgBouncer's.
std::string home_of(std::string_view key) {
  for (const Section& section : sections()) {
    if (!is_global(section)) continue;
    for (const Setting& setting : section.settings) {
      if (setting.name == key || setting.pgbouncer == key) return key_of(section, setting);
    }
  }
  if (const PgbouncerKey* known = find_pgbouncer_key(key)) return std::string(known->source);
  return {};
}

// "size" for pool_size, "max_clients" for max_client_connections: the shortest of these.
std::string longer_name(const std::string& key, const std::vector<std::string_view>& candidates) {
  const std::string end = "_" + key;
  const std::string beginning = key.ends_with('s') ? key.substr(0, key.size() - 1) : key;
  std::string_view best;
  for (const std::string_view candidate : candidates) {
    const bool begins = candidate.starts_with(beginning + "_");
    const bool fits = candidate.ends_with(end) || (begins && key.find('_') != std::string::npos);
    if (fits && (best.empty() || candidate.size() < best.size())) best = candidate;
  }
  return std::string(best);
}

std::string trimmed_end(std::string text) {
  while (text.ends_with('\n') || text.ends_with('\r')) text.pop_back();
  return text;
}

}  // namespace

Place place_of(const Places& places, std::string_view key) {
  for (;;) {
    const auto found = places.find(key);
    if (found != places.end()) return found->second;
    const std::size_t dot = key.rfind('.');
    if (dot == std::string_view::npos) return {};
    key = key.substr(0, dot);
  }
}

void ConfigBuilder::add(const std::vector<Entry>& entries) {
  for (const Entry& entry : entries) {
    if (problems_.full()) return;
    add_section(entry);
  }
}

void ConfigBuilder::add_section(const Entry& entry) {
  if (entry.key == "listen") return add_listeners(entry);
  if (entry.key == "clusters") return add_clusters(entry);
  if (entry.key == "databases") return add_databases(entry);
  if (entry.key == "users") return add_users(entry);
  if (entry.key == "tls") return add_tls(entry);
  if (entry.key == "peers") return add_peers(entry);
  if (const Setting* setting = find_setting(section_at(""), entry.key)) {
    return set(*setting, entry, "", &config_);
  }
  for (const Section& section : sections()) {
    if (section.path != entry.key || section.path.empty() || !is_global(section)) continue;
    places_.emplace(entry.key, entry.place);
    if (is_map(entry, entry.key)) apply(*entry.value, section, entry.key, &config_);
    return;
  }
  unknown_key(entry, "", top_level_names());
}

void ConfigBuilder::add_listeners(const Entry& entry) {
  if (!remember("listen", entry.place, !places_.contains("listen")) ||
      !is_list(*entry.value, "listen"))
    return;
  std::size_t number = 0;
  for (const YamlPointer& item : entry.value->items) {
    if (problems_.full()) return;
    const std::string where = "listen[" + std::to_string(++number) + "]";
    places_.emplace(where, item->place);
    if (!is_map({where, item->place, item}, where)) continue;
    apply(*item, section_at("listen[]"), where, &config_.listen.emplace_back());
  }
}

void ConfigBuilder::add_tls(const Entry& entry) {
  places_.emplace(entry.key, entry.place);
  if (!is_map(entry, entry.key)) return;
  const Section& section = section_at("tls");
  for (const Entry& part : entry.value->entries) {
    if (problems_.full()) return;
    if (part.key == "certificates") {
      add_certificates(part);
    } else if (const Setting* setting = find_setting(section, part.key)) {
      set(*setting, part, "tls", &config_);
    } else {
      unknown_key(part, "tls", names_of(section));
    }
  }
}

void ConfigBuilder::add_certificates(const Entry& entry) {
  const std::string list = "tls.certificates";
  if (!remember(list, entry.place, !places_.contains(list)) || !is_list(*entry.value, list)) return;
  std::size_t number = 0;
  for (const YamlPointer& item : entry.value->items) {
    if (problems_.full()) return;
    const std::string where = list + "[" + std::to_string(++number) + "]";
    places_.emplace(where, item->place);
    if (!is_map({where, item->place, item}, where)) continue;
    apply(*item, section_at("tls.certificates[]"), where, &config_.tls.more.emplace_back());
  }
}

void ConfigBuilder::add_clusters(const Entry& entry) {
  places_.emplace(entry.key, entry.place);
  if (!is_map(entry, entry.key)) return;
  for (const Entry& cluster : entry.value->entries) {
    if (problems_.full()) return;
    const std::string where = "clusters." + cluster.key;
    const bool fresh = !config_.clusters.contains(cluster.key);
    if (remember(where, cluster.place, fresh) && is_map(cluster, where)) {
      add_cluster(cluster, where);
    }
  }
}

void ConfigBuilder::add_cluster(const Entry& entry, const std::string& where) {
  Cluster& cluster = config_.clusters[entry.key];
  for (const Entry& part : entry.value->entries) {
    if (part.key == "servers") {
      add_servers(*part.value, cluster, where + ".servers");
    } else if (part.key == "monitor") {
      const std::string monitor = where + ".monitor";
      places_.emplace(monitor, part.place);
      if (!is_map(part, monitor)) continue;
      apply(*part.value, section_at("clusters.*.monitor"), monitor, &cluster.monitor);
    } else if (part.key == "tls") {
      const std::string tls = where + ".tls";
      places_.emplace(tls, part.place);
      if (!is_map(part, tls)) continue;
      apply(*part.value, section_at("clusters.*.tls"), tls, &cluster.tls);
    } else {
      unknown_key(part, where, {"servers", "monitor", "tls"});
    }
  }
}

void ConfigBuilder::add_servers(const YamlNode& node, Cluster& cluster, const std::string& where) {
  places_.emplace(where, node.place);
  if (!is_list(node, where)) return;
  std::size_t number = 0;
  for (const YamlPointer& item : node.items) {
    if (problems_.full()) return;
    const std::string name = where + "[" + std::to_string(++number) + "]";
    places_.emplace(name, item->place);
    if (!is_map({name, item->place, item}, name)) continue;
    apply(*item, section_at("clusters.*.servers[]"), name, &cluster.servers.emplace_back());
  }
}

void ConfigBuilder::add_databases(const Entry& entry) {
  places_.emplace(entry.key, entry.place);
  if (!is_map(entry, entry.key)) return;
  for (const Entry& database : entry.value->entries) {
    if (problems_.full()) return;
    const std::string where = "databases." + database.key;
    const bool fresh = !config_.databases.contains(database.key);
    if (!remember(where, database.place, fresh) || !is_map(database, where)) continue;
    apply(*database.value, section_at("databases.*"), where, &config_.databases[database.key]);
  }
}

void ConfigBuilder::add_users(const Entry& entry) {
  places_.emplace(entry.key, entry.place);
  if (!is_map(entry, entry.key)) return;
  for (const Entry& user : entry.value->entries) {
    if (problems_.full()) return;
    const std::string where = "users." + user.key;
    const bool fresh = !config_.users.contains(user.key);
    if (!remember(where, user.place, fresh) || !is_map(user, where)) continue;
    apply(*user.value, section_at("users.*"), where, &config_.users[user.key]);
  }
}

void ConfigBuilder::add_peers(const Entry& entry) {
  places_.emplace(entry.key, entry.place);
  if (!is_map(entry, entry.key)) return;
  for (const Entry& peer : entry.value->entries) {
    if (problems_.full()) return;
    const auto number = parse_integer(peer.key);
    if (!number || *number < 1 || *number > kMostPeers) {
      problems_.error(peer.place, "peers: " + quoted(peer.key) + " is no peer_id",
                      "allowed are 1 to " + std::to_string(kMostPeers));
      continue;
    }
    const auto id = static_cast<std::uint32_t>(*number);
    const std::string where = "peers." + std::to_string(id);
    const bool fresh = !config_.peers.contains(id);
    if (!remember(where, peer.place, fresh) || !is_map(peer, where)) continue;
    apply(*peer.value, section_at("peers.*"), where, &config_.peers[id]);
  }
}

void ConfigBuilder::apply(const YamlNode& map, const Section& section, const std::string& where,
                          Record record) {
  for (const Entry& entry : map.entries) {
    if (problems_.full()) return;
    if (const Setting* setting = find_setting(section, entry.key)) {
      set(*setting, entry, where, record);
    } else {
      unknown_key(entry, where, names_of(section));
    }
  }
}

void ConfigBuilder::set(const Setting& setting, const Entry& entry, const std::string& where,
                        Record record) {
  const std::string key = where.empty() ? entry.key : where + "." + entry.key;
  // Only the global sections can be continued in another file.
  const bool fresh = !std::holds_alternative<Config*>(record) || !places_.contains(key);
  if (!remember(key, entry.place, fresh) || entry.value->kind == YamlNode::Kind::kNull) return;
  for (std::size_t i = 0; i < entry.value->items.size(); ++i)
    places_.emplace(key + "[" + std::to_string(i + 1) + "]", entry.value->items[i]->place);
  const auto value = value_of(setting, *entry.value);
  if (value.ok()) {
    setting.access.store(record, value.value());
  } else {
    problems_.error(entry.value->place, key + ": " + value.error().message, value.error().hint);
  }
}

Result<Value> ConfigBuilder::value_of(const Setting& setting, const YamlNode& node) {
  if (setting.kind == Kind::kStringList && node.kind == YamlNode::Kind::kList) return list_of(node);
  if (node.kind != YamlNode::Kind::kScalar) {
    return Error{"a single value is needed here, not " + std::string(name_of(node.kind))};
  }
  return scalar_of(setting, node);
}

Result<Value> ConfigBuilder::scalar_of(const Setting& setting, const YamlNode& node) {
  const auto text = expand(node.text, environment_);
  if (!text.ok()) return text.error();
  auto value = parse_value(setting, text.value(), node.text);
  if (!value.ok()) return value;
  if (setting.kind == Kind::kStringList) {
    return Value(std::vector<std::string>{text.value()});
  }
  const bool relative = !text->empty() && !text->starts_with('@');
  if (setting.kind == Kind::kPath && relative) {
    return Value(path_beside(*node.place.file, text.value()));
  }
  if (setting.kind != Kind::kSecretFile) return value;
  const std::string path = path_beside(*node.place.file, text.value());
  const auto secret = environment_.read_file(path);
  if (!secret.ok()) return Error{"cannot read '" + path + "': " + secret.error().message};
  return Value(trimmed_end(secret.value()));
}

Result<Value> ConfigBuilder::list_of(const YamlNode& node) {
  std::vector<std::string> list;
  for (const YamlPointer& item : node.items) {
    if (item->kind != YamlNode::Kind::kScalar) {
      return Error{"a list of names is needed here, not one that holds " +
                   std::string(name_of(item->kind))};
    }
    auto text = expand(item->text, environment_);
    if (!text.ok()) return text.error();
    list.push_back(std::move(text).value());
  }
  return Value(std::move(list));
}

// A section without content (all of it commented out) is fine.
bool ConfigBuilder::is_map(const Entry& entry, const std::string& what) {
  const YamlNode::Kind kind = entry.value->kind;
  if (kind == YamlNode::Kind::kMap || kind == YamlNode::Kind::kNull) return true;
  problems_.error(entry.place, what + " must be a map, not " + std::string(name_of(kind)));
  return false;
}

bool ConfigBuilder::is_list(const YamlNode& node, const std::string& what) {
  if (node.kind == YamlNode::Kind::kList || node.kind == YamlNode::Kind::kNull) return true;
  problems_.error(node.place, what + " must be a list, not " + std::string(name_of(node.kind)));
  return false;
}

bool ConfigBuilder::remember(const std::string& key, const Place& place, bool fresh) {
  const auto [known, added] = places_.emplace(key, place);
  if (!fresh) {
    problems_.error(place, quoted(key) + " is set twice",
                    "it is first set at " + text_of(known->second));
  }
  return fresh;
}

void ConfigBuilder::unknown_key(const Entry& entry, const std::string& where,
                                const std::vector<std::string_view>& candidates) {
  std::string message = "unknown key " + quoted(entry.key);
  if (!where.empty()) message += " in " + where;
  const std::string longer = longer_name(entry.key, candidates);
  const std::string home = longer.empty() ? home_of(entry.key) : longer;
  const std::string near = home.empty() ? std::string(nearest(entry.key, candidates)) : home;
  problems_.error(entry.place, message,
                  near.empty() ? std::string() : "did you mean " + quoted(near) + "?");
}

}  // namespace pgsaba::config
