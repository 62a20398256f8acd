// From a database.yml, of Rails' own splitting (replica: true) or of Makara's.
#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <set>

#include "migration/draft.h"
#include "migration/template_text.h"
#include "pgsaba/config/problems.h"
#include "pgsaba/config/yaml_tree.h"

namespace pgsaba::migration {
namespace {

using config::YamlNode;
using config::YamlPointer;

constexpr std::string_view kHead =
    "# pgsaba: made by `pgsaba import` out of a database.yml. The application connects to pgsaba\n"
    "# instead: one entry without makara: and without replicas, host and port those of `listen`.\n";

constexpr std::string_view kApplication = "stays in the application's database.yml.";

constexpr std::string_view kVariables =
    "variables are taken from the environment of the service (/etc/default/pgsaba), where a "
    "setting "
    "above names them.";

struct Value {
  std::string text;
  int line = 0;
};

// A map of database.yml with what it merges (<<: *default), later values over earlier ones.
struct Settings {
  std::map<std::string, Value> values;
  std::vector<std::pair<std::string, YamlPointer>> maps;
  std::vector<YamlPointer> connections;  // of makara
};

void gather(const YamlNode& node, Settings& into) {
  for (const config::Entry& entry : node.entries) {
    const YamlNode& value = *entry.value;
    if (entry.key == "<<") {
      if (value.kind == YamlNode::Kind::kMap) gather(value, into);
      for (const YamlPointer& item : value.items) gather(*item, into);
    }
  }
  for (const config::Entry& entry : node.entries) {
    const YamlNode& value = *entry.value;
    if (entry.key == "<<") continue;
    if (entry.key == "connections" && value.kind == YamlNode::Kind::kList) {
      into.connections = value.items;
    } else if (value.kind == YamlNode::Kind::kMap) {
      std::erase_if(into.maps, [&](const auto& known) { return known.first == entry.key; });
      into.maps.emplace_back(entry.key, entry.value);
    } else {
      into.values[entry.key] = {value.text, entry.place.line};
    }
  }
}

std::string text_of(const Settings& settings, const std::string& key) {
  const auto found = settings.values.find(key);
  return found == settings.values.end() ? "" : found->second.text;
}

// A value that may hold ${NAME}, which stays one.
std::string templated(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

// postgresql://user:password@host:port/database?…
void split_url(Settings& settings) {
  const auto found = settings.values.find("url");
  if (found == settings.values.end()) return;
  const Value url = found->second;
  std::string rest = url.text;
  if (const auto scheme = rest.find("://"); scheme != std::string::npos) rest.erase(0, scheme + 3);
  if (rest.find("${") != std::string::npos && rest.find('@') == std::string::npos) return;
  const auto put = [&](const std::string& key, std::string text) {
    if (!text.empty()) settings.values.try_emplace(key, Value{std::move(text), url.line});
  };
  rest = rest.substr(0, rest.find('?'));
  if (const auto at = rest.rfind('@'); at != std::string::npos) {
    const std::string login = rest.substr(0, at);
    put("username", login.substr(0, login.find(':')));
    if (login.find(':') != std::string::npos) put("password", login.substr(login.find(':') + 1));
    rest.erase(0, at + 1);
  }
  if (const auto slash = rest.find('/'); slash != std::string::npos) {
    put("database", rest.substr(slash + 1));
    rest.erase(slash);
  }
  if (const auto colon = rest.rfind(':'); colon != std::string::npos) {
    put("port", rest.substr(colon + 1));
    rest.erase(colon);
  }
  put("host", rest);
  settings.values.erase("url");
}

bool is_postgres(const std::string& adapter) {
  return adapter.empty() || adapter.starts_with("postg") || adapter == "makara_postgresql";
}

const std::map<std::string, std::string_view>& remarks() {
  static const std::map<std::string, std::string_view> kRemarks = {
      {"sticky",
       "reads see what was written before: whatever a session has written (sticky), and, "
       "unless routing.read_your_writes says otherwise, what every other one has."},
      {"primary_ttl",
       "no time has to be waited: a standby serves reads as soon as it shows what was "
       "written."},
      {"master_ttl", "as primary_ttl: no time has to be waited."},
      {"blacklist_duration",
       "servers are watched; one that does not answer gets nothing until it does."},
      {"disable_blacklist",
       "servers are watched; one that does not answer gets nothing until it does."},
      {"primary_strategy", "the primary is found out by asking the servers."},
      {"master_strategy", "the primary is found out by asking the servers."},
      {"replica_strategy", "reads go to the standby with the least to do for its weight."},
      {"slave_strategy", "reads go to the standby with the least to do for its weight."},
      {"connection_error_matchers",
       "no texts of errors are matched: what PostgreSQL's codes and "
       "closed connections say counts."},
      {"rescue_connection_failures", "a read that a standby fails is run on the primary."},
      {"id", "a name is not needed."},
      {"adapter", "postgresql, without makara."},
      {"migrations_paths", kApplication},
      {"database_tasks", kApplication}};
  return kRemarks;
}

class DatabaseYml {
 public:
  DatabaseYml(std::string path, std::string environment)
      : name_(std::filesystem::path(path).filename().string()),
        environment_(std::move(environment)),
        draft_(std::string(kHead)) {}

  Result<Migrated> run(const std::string& text) {
    const TemplateText plain = without_ruby(text);
    config::Problems problems;
    const auto root =
        config::parse_yaml(plain.text, {std::make_shared<const std::string>(name_), 0}, problems);
    if (!root) {
      const auto found = problems.take();
      return Error{found.empty() ? name_ + ": not YAML" : found.front().text()};
    }
    for (const auto& [line, remark] : plain.unknown) draft_.warn(place(line) + ": " + remark);
    for (const auto& [line, remark] : plain.defaults)
      draft_.note({place(line), remark}, kVariables);
    const auto entry = std::ranges::find(root->entries, environment_, &config::Entry::key);
    if (entry == root->entries.end())
      return Error{name_ + " has no environment " + environment_, environments(*root)};
    Settings settings;
    gather(*entry->value, settings);
    draft_.add("listen", "- {address: 127.0.0.1, port: 6432}", "");
    take(environment_, settings);
    if (!any_) return Error{name_ + ": " + environment_ + " has no PostgreSQL database"};
    finish_login();
    return draft_.finish(userlist_);
  }

 private:
  using Replicas = std::vector<std::pair<std::string, Settings*>>;  // by name

  std::string place(int line) const { return name_ + ":" + std::to_string(line); }

  static std::string environments(const YamlNode& root) {
    std::string names;
    for (const config::Entry& entry : root.entries)
      names += (names.empty() ? "" : ", ") + entry.key;
    return "there are " + names + "; choose with --environment";
  }

  // One database, or several by name, of which some are replicas of others.
  void take(const std::string& name, Settings& settings) {
    split_url(settings);
    const bool several = settings.values.empty() ||
                         (!settings.values.contains("database") &&
                          !settings.values.contains("adapter") && !settings.values.contains("url"));
    if (!several || settings.maps.empty()) return take_one(name, settings, {});
    std::vector<std::pair<std::string, Settings>> all;
    for (const auto& [key, node] : settings.maps) {
      Settings one;
      gather(*node, one);
      split_url(one);
      all.emplace_back(key, std::move(one));
    }
    for (auto& [key, one] : all) {
      if (text_of(one, "replica") == "true") continue;
      Replicas replicas;
      for (auto& [other, candidate] : all)
        if (text_of(candidate, "replica") == "true" &&
            text_of(candidate, "database") == text_of(one, "database"))
          replicas.emplace_back(other, &candidate);
      take_one(key, one, replicas);
    }
  }

  void add_server(const Settings& of, const Settings& base, std::string& list) {
    FlowMap server;
    const std::string host =
        text_of(of, "host").empty() ? text_of(base, "host") : text_of(of, "host");
    const std::string port =
        text_of(of, "port").empty() ? text_of(base, "port") : text_of(of, "port");
    if (const std::string name = text_of(of, "name"); !name.empty())
      server.add("name", scalar(name));
    server.add("host", templated(host.empty() ? "/var/run/postgresql" : host));
    if (!port.empty()) server.add("port", templated(port));
    if (const std::string weight = text_of(of, "weight"); !weight.empty())
      server.add("weight", weight);
    list += (list.empty() ? "" : ", ") + server.text();
  }

  void take_one(const std::string& name, Settings& settings, const Replicas& replicas) {
    const std::string adapter = text_of(settings, "adapter");
    const std::string database = text_of(settings, "database");
    if (!is_postgres(adapter))
      return pass_over(settings,
                       "the database " + name + " is not PostgreSQL's (" + adapter + ").");
    if (database.empty()) {
      draft_.warn(name + ": no database is named here");
      return pass_over(settings, "without a database there is nothing to connect to.");
    }
    any_ = true;
    Settings makara;
    for (const auto& [key, node] : settings.maps)
      if (key == "makara") gather(*node, makara);
    const std::string cluster = name == environment_ || name == "primary" ? "main" : name;
    const bool split = !makara.connections.empty() || !replicas.empty();
    const std::string from = place(settings.values.at("database").line);
    draft_.add("clusters", scalar(cluster) + ":", "");
    draft_.add("clusters", "  servers: [" + servers_of(settings, makara, replicas) + "]", from);
    if (split) draft_.add("clusters", "  monitor: " + monitor(settings).text(), from);
    FlowMap map;
    map.add("cluster", scalar(cluster));
    if (split) map.add("route", "split");
    draft_.add("databases", templated(database) + ": " + map.text(), from);
    for (const auto& [other, replica] : replicas) add_replica(other, *replica, cluster, database);
    add_user(settings);
    note_rest(makara, {});
    note_rest(settings, {"host", "port", "database", "username", "password", "adapter"});
    for (const auto& [key, node] : settings.maps)
      if (key != "makara") draft_.note({place(node->place.line), key + ": …"}, kApplication);
  }

  void pass_over(const Settings& settings, const std::string& why) {
    for (const auto& [key, value] : settings.values)
      draft_.note({place(value.line), key + ": " + value.text}, why);
  }

  std::string servers_of(const Settings& settings, const Settings& makara,
                         const Replicas& replicas) {
    std::string servers;
    for (const YamlPointer& node : makara.connections) {
      Settings one;
      gather(*node, one);
      split_url(one);
      add_server(one, settings, servers);
      note_rest(one,
                {"host", "port", "name", "weight", "role", "username", "password", "database"});
    }
    if (makara.connections.empty()) add_server(settings, settings, servers);
    for (const auto& [other, replica] : replicas) add_server(*replica, settings, servers);
    return servers;
  }

  void add_replica(const std::string& name, const Settings& replica, const std::string& cluster,
                   const std::string& database) {
    const std::string from = place(replica.values.at("replica").line);
    FlowMap map;
    map.add("cluster", scalar(cluster)).add("dbname", templated(database)).add("route", "replica");
    draft_.add("databases", templated(database + "_replica") + ": " + map.text(), from);
    draft_.note(
        {from, name + ": replica: true"},
        "whoever wants a replica in any case, as connected_to(role: :reading), connects to " +
            database + "_replica; the others need not ask, for reads are recognized.");
    note_rest(replica, {"host", "port", "database", "username", "password", "adapter", "replica"});
  }

  static FlowMap monitor(const Settings& settings) {
    FlowMap map;
    const std::string user = text_of(settings, "username");
    map.add("user", user.empty() ? "pgsaba" : templated(user));
    if (const auto password = text_of(settings, "password"); !password.empty())
      map.add("password", templated(password));
    map.add("database", templated(text_of(settings, "database")));
    return map;
  }

  void note_rest(const Settings& settings, const std::set<std::string>& taken) {
    for (const auto& [key, value] : settings.values) {
      if (taken.contains(key) || !noted_.insert({key, value.line}).second) continue;
      const auto known = remarks().find(key);
      draft_.note({place(value.line), key + ": " + value.text},
                  known == remarks().end() ? kApplication : known->second);
    }
  }

  void add_user(const Settings& settings) {
    const std::string user = text_of(settings, "username");
    const std::string password = text_of(settings, "password");
    if (user.empty() || !users_.insert(user).second) return;
    const bool told = user.find("${") == std::string::npos &&
                      password.find("${") == std::string::npos && !password.empty();
    if (told) {
      userlist_ += "\"" + doubled(user) + "\" \"" + doubled(password) + "\"\n";
    } else {
      draft_.warn("the user " + user +
                  " and its secret belong into userlist.txt: \"user\" \"secret\"");
    }
  }

  static std::string doubled(std::string_view text) {
    std::string out;
    for (const char c : text) out += c == '"' ? "\"\"" : std::string(1, c);
    return out;
  }

  void finish_login() {
    draft_.set("auth", "type", "scram-sha-256", "");
    draft_.set("auth", "file", "userlist.txt", "");
  }

  std::string name_;
  std::string environment_;
  Draft draft_;
  std::string userlist_;
  std::set<std::string> users_;
  std::set<std::pair<std::string, int>> noted_;
  bool any_ = false;
};

}  // namespace

Result<Migrated> from_database_yml(const std::string& path, const ReadFile& read,
                                   const std::string& environment) {
  const auto text = read(path);
  if (!text) return text.error();
  return DatabaseYml(path, environment).run(*text);
}

}  // namespace pgsaba::migration
