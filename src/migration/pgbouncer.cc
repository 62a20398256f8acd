// From a pgbouncer.ini to the draft of a configuration.
#include "migration/pgbouncer.h"

#include <algorithm>
#include <cstdlib>
#include <set>

#include "migration/pgbouncer_values.h"
#include "pgsaba/config/config.h"

namespace pgsaba::migration {
namespace {

constexpr std::string_view kHead =
    "# pgsaba: made by `pgsaba import` out of a pgbouncer.ini. Behind each setting stands the line "
    "it\n"
    "# comes from; what is not taken over as it was is named at the end, with the reason.\n"
    "# Comments are not copied. `pgsaba check FILE` says whether it can be used.\n";

Origin origin_of(const IniLine& line) { return {line.place(), line.key + " = " + line.value}; }

const Counterpart* find_setting(std::string_view name) {
  for (const Counterpart& setting : pgbouncer_settings())
    if (setting.name == name) return &setting;
  return nullptr;
}

// Whose defaults here are others than there.
constexpr std::string_view kOtherDefaults[] = {"auth_type", "max_client_conn", "pool_mode"};

const std::set<std::string_view> kTargets = {"any", "primary", "standby", "read-write",
                                             "read-only"};

}  // namespace

PgbouncerMigration::PgbouncerMigration(std::string path)
    : path_(std::move(path)), draft_(std::string(kHead)) {}

Result<Migrated> PgbouncerMigration::run(const std::vector<IniLine>& lines) {
  for (const IniLine& line : lines)
    if (Status taken = take(line); !taken.ok()) return taken.error();
  for (const std::string_view name : kOtherDefaults)
    if (!settings_.contains(name))
      settings_[std::string(name)] = {
          {}, 0, "pgbouncer", std::string(name), std::string(find_setting(name)->initial)};
  write_listeners();
  write_clusters();
  write_databases();
  for (const Counterpart& setting : pgbouncer_settings()) {
    const auto found = settings_.find(setting.name);
    if (found == settings_.end()) continue;
    if (Status written = write_setting(setting, found->second); !written.ok())
      return written.error();
  }
  write_peers();
  write_users();
  finish_login();
  return draft_.finish();
}

// ---- reading -----------------------------------------------------------------------------------

Status PgbouncerMigration::take(const IniLine& line) {
  if (line.section == "databases") return take_database(line);
  if (line.section == "users") return take_user(line);
  if (line.section == "peers") return take_peer(line);
  if (line.section != "pgbouncer")
    return Error{"there is no section [" + line.section + "] (" + line.place() + ")",
                 "PgBouncer refuses it, too"};
  if (find_setting(line.key) == nullptr) {
    draft_.note(origin_of(line), "PgBouncer has no such setting, up to version 1.25.");
    draft_.warn(line.place() + ": " + line.key +
                " is no setting of PgBouncer's that is known here");
    return done();
  }
  if (const auto before = settings_.find(line.key); before != settings_.end())
    draft_.note(origin_of(before->second), "set again in " + line.place() + ", which counts.");
  settings_[line.key] = line;
  return done();
}

Status PgbouncerMigration::take_database(const IniLine& line) {
  auto pairs = read_pairs(line.value);
  if (!pairs) return Error{pairs.error().message + " (" + line.place() + ")", pairs.error().hint};
  Entry database{line, {}};
  for (auto& [key, value] : *pairs) database.values[key] = std::move(value);
  const auto wish = database.values.find("target_session_attrs");
  if (wish != database.values.end() && !kTargets.contains(wish->second))
    return Error{"no such target_session_attrs: " + wish->second + " (" + line.place() + ")",
                 "any, primary, standby, read-write or read-only"};
  std::erase_if(databases_, [&](const Entry& known) {
    if (known.line.key != line.key) return false;
    draft_.note(origin_of(known.line), "set again in " + line.place() + ", which counts.");
    return true;
  });
  databases_.push_back(std::move(database));
  return done();
}

Status PgbouncerMigration::take_peer(const IniLine& line) {
  auto pairs = read_pairs(line.value);
  if (!pairs) return Error{pairs.error().message + " (" + line.place() + ")", pairs.error().hint};
  if (!read_peer_id(line.key))
    return Error{"'" + line.key + "' is no peer_id (" + line.place() + ")",
                 "PgBouncer takes 1 to 16383"};
  Entry peer{line, {}};
  for (auto& [key, value] : *pairs) peer.values[key] = std::move(value);
  std::erase_if(peers_, [&](const Entry& known) {
    if (read_peer_id(known.line.key) != read_peer_id(line.key)) return false;
    draft_.note(origin_of(known.line), "set again in " + line.place() + ", which counts.");
    return true;
  });
  peers_.push_back(std::move(peer));
  return done();
}

Status PgbouncerMigration::take_user(const IniLine& line) {
  auto pairs = read_pairs(line.value);
  if (!pairs) return Error{pairs.error().message + " (" + line.place() + ")", pairs.error().hint};
  static const std::map<std::string, std::string, std::less<>> kNames = {
      {"pool_mode", "pool_mode"},
      {"pool_size", "pool_size"},
      {"reserve_pool_size", "reserve_pool_size"},
      {"max_user_connections", "max_user_connections"},
      {"max_user_client_connections", "max_user_client_connections"},
      {"query_timeout", "query"},
      {"query_wait_timeout", "query_wait"},
      {"idle_transaction_timeout", "idle_transaction"},
      {"transaction_timeout", "transaction"},
      {"client_idle_timeout", "client_idle"}};
  FlowMap map;
  for (const auto& [key, value] : *pairs) {
    const auto name = kNames.find(key);
    if (name == kNames.end()) {
      draft_.note({line.place(), line.key + ": " + key + "=" + value},
                  "PgBouncer has no such setting for users, up to version 1.25.");
      draft_.warn(line.place() + ": " + key + " is no setting of a user that is known here");
    } else {
      map.add(name->second, scalar(value));
    }
  }
  users_.emplace_back(line, std::move(map));
  return done();
}

// ---- settings ----------------------------------------------------------------------------------

std::string PgbouncerMigration::value_of(std::string_view name) const {
  const auto found = settings_.find(name);
  return found != settings_.end() ? found->second.value : std::string(find_setting(name)->initial);
}

std::string PgbouncerMigration::from(const IniLine& line) {
  return line.file.empty() ? "PgBouncer's default" : line.place();
}

Status PgbouncerMigration::write_setting(const Counterpart& setting, const IniLine& line) {
  if (setting.target.empty()) {
    draft_.note(origin_of(line), setting.remark);
    return done();
  }
  // Listeners and clusters have been written.
  if (setting.target.find('[') != std::string_view::npos || setting.target.starts_with("clusters."))
    return done();
  const std::size_t dot = setting.target.find('.');
  const std::string section(setting.target.substr(0, dot == std::string::npos ? 0 : dot));
  const Translated value = translate(setting, line, path_);
  if (!value.error.empty()) return Error{value.error + " (" + line.place() + ")"};
  if (!value.note.empty()) draft_.note(origin_of(line), value.note);
  for (const std::string& warning : value.warnings) draft_.warn(line.place() + ": " + warning);
  for (const auto& [name, text] : value.settings) draft_.set(section, name, text, from(line));
  return done();
}

void PgbouncerMigration::write_listeners() {
  const std::string port = std::to_string(std::strtol(value_of("listen_port").c_str(), nullptr, 0));
  const auto place = [&](std::string_view name) {
    const auto found = settings_.find(name);
    return found == settings_.end() ? std::string("PgBouncer's default") : found->second.place();
  };
  for (const std::string& given : split_list(value_of("listen_addr"))) {
    if (given == "*") {
      draft_.add("listen", "- {address: 0.0.0.0, port: " + port + "}", place("listen_addr"));
      draft_.add("listen", "- {address: '::', port: " + port + "}", place("listen_addr"));
      continue;
    }
    draft_.add("listen", "- {address: " + scalar(given) + ", port: " + port + "}",
               place("listen_addr"));
    const bool name = given != "localhost" && given.find(':') == std::string::npos &&
                      given.find_first_not_of("0123456789.") != std::string::npos;
    if (name)
      draft_.warn(place("listen_addr") + ": write the address of " + given +
                  ": names are not looked up to listen");
  }
  const std::string directory = value_of("unix_socket_dir");
  if (directory.empty()) return;
  FlowMap unix;
  unix.add("unix", scalar(directory)).add("port", port);
  unix.add("mode", octal(value_of("unix_socket_mode")));
  if (const std::string group = value_of("unix_socket_group"); !group.empty())
    unix.add("group", scalar(group));
  draft_.add("listen", "- " + unix.text(), place("unix_socket_dir"));
}

// Without a peer_id PgBouncer does not look at [peers].
void PgbouncerMigration::write_peers() {
  const std::string own = value_of("peer_id");
  if (!read_peer_id(own)) {
    for (const Entry& peer : peers_)
      draft_.note(origin_of(peer.line), "peer_id is 0: there are no peers, there as here.");
    return;
  }
  for (const Entry& peer : peers_) {
    const auto id = read_peer_id(peer.line.key);
    if (*id > config::kMostPeers) {
      draft_.note(origin_of(peer.line), find_setting("peer_id")->remark);
      continue;
    }
    draft_.add("peers", std::to_string(*id) + ": " + peer_map(peer).text(), peer.line.place());
  }
  if (!peers_.empty())
    draft_.warn("peers: all of them have to be pgsaba, for PgBouncer knows no key of another");
}

FlowMap PgbouncerMigration::peer_map(const Entry& peer) {
  FlowMap map;
  for (const auto& [key, value] : peer.values) {
    if (key == "host" || key == "port") {
      map.add(key, scalar(value));
    } else {
      draft_.note(
          {peer.line.place(), peer.line.key + ": " + key + "=" + value},
          key == "pool_size"
              ? "a bounded number of cancel requests is forwarded at once, whoever the peer."
              : "PgBouncer has no such setting for peers, up to version 1.25.");
    }
  }
  // A peer that names nothing of a place is where PgBouncer listens by default.
  if (!peer.values.contains("host")) map.add("host", scalar(value_of("unix_socket_dir")));
  if (!peer.values.contains("port")) map.add("port", "6432");
  return map;
}

void PgbouncerMigration::write_users() {
  for (const auto& [line, map] : users_)
    draft_.add("users", scalar(line.key) + ": " + map.text(), line.place());
}

// What has no secrets to compare with would let nobody in, or not start at all.
void PgbouncerMigration::finish_login() {
  if (draft_.has("auth", "file") || draft_.has("auth", "user")) return;
  const std::string type = value_of("auth_type");
  if (type == "trust" || type == "any" || type == "hba") return;
  draft_.warn("there is no auth_file: write a userlist and name it in auth.file");
}

Result<Migrated> from_pgbouncer(const std::string& path, const ReadFile& read) {
  const auto lines = read_ini(path, read);
  if (!lines) return lines.error();
  return PgbouncerMigration(path).run(*lines);
}

}  // namespace pgsaba::migration
