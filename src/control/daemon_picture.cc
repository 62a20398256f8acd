// The part of Daemon that makes the picture that workers see: of the configuration and its files,
// at the start, at a reload, by SET; and of what is known of the servers.
#include <algorithm>

#include "control/daemon.h"
#include "control/file_limit.h"
#include "control/host_access_file.h"
#include "control/log_options.h"
#include "control/privileges.h"
#include "control/tls_material.h"
#include "control/user_files.h"
#include "pgsaba/base/log.h"
#include "pgsaba/config/compare.h"
#include "pgsaba/config/load.h"

namespace pgsaba::control {

namespace {

void log_changed_names(const config::Difference& difference) {
  const auto log_all = [](std::string_view kind, const auto& names, std::string_view what) {
    for (const std::string& name : names) log::info("reload: {} {} {}", kind, name, what);
  };
  log_all("database", difference.databases_added, "added");
  log_all("database", difference.databases_removed, "removed");
  for (const config::DatabaseChange& change : difference.databases_changed)
    log::info("reload: database {} changed{}", change.name,
              change.reconnect ? ", its servers are replaced" : "");
  log_all("cluster", difference.clusters_added, "added");
  log_all("cluster", difference.clusters_removed, "removed");
  log_all("cluster", difference.clusters_changed, "changed");
  log_all("user", difference.users_changed, "changed");
}

std::shared_ptr<const routing::Topology> with_disabled(
    std::shared_ptr<const routing::Topology> topology,
    const std::set<std::pair<std::string, std::string>>& disabled) {
  if (disabled.empty()) return topology;
  auto marked = std::make_shared<routing::Topology>(*topology);
  for (routing::TopologyCluster& cluster : marked->clusters)
    for (routing::TopologyServer& server : cluster.servers)
      server.disabled = disabled.contains({cluster.name, server.name});
  return marked;
}

bool changes_login(const config::Config& before, const config::Config& after) {
  return std::ranges::any_of(
      config::compare(before, after).settings, [](const config::SettingChange& change) {
        return change.key.starts_with("auth.") || change.key.starts_with("tls.");
      });
}

}  // namespace

Status Daemon::load(worker::Picture& picture) const {
  config::Loaded loaded =
      config::load_with_problems(options_.config_path, config::system_environment());
  std::string errors;
  for (const config::Problem& problem : loaded.problems) {
    if (problem.severity == config::Severity::kError) {
      errors += (errors.empty() ? "" : "\n") + problem.text();
    } else {
      log::warning("{}", problem.text());
    }
  }
  if (!loaded.config) return Error{errors};
  if (Status found = find_log_directory(loaded.config->log.file); !found.ok()) return found;
  auto users = load_users(*loaded.config);
  if (!users) return users.error();
  auto access = load_host_access(loaded.config->auth);
  if (!access) return access.error();
  auto console_access = load_console_access(*loaded.config);
  if (!console_access) return console_access.error();
  // What changes only at start says what the files are for.
  const auto effective =
      picture.config ? config::keep_start_only(*picture.config, *loaded.config) : loaded.config;
  auto tls = load_tls(*effective, {picture.client_tls, picture.server_tls, picture.http_tls});
  if (!tls) return tls.error();
  picture.config = std::move(loaded.config);
  picture.users = std::move(users->present);
  picture.previous_users = std::move(users->previous);
  picture.host_access = std::move(*access);
  picture.console_access = std::move(*console_access);
  picture.client_tls = std::move(tls->clients);
  picture.server_tls = std::move(tls->servers);
  picture.http_tls = std::move(tls->http);
  return done();
}

void Daemon::change_picture(const std::function<void(worker::Picture&)>& change) {
  auto next = std::make_shared<worker::Picture>(*picture_);
  change(*next);
  next->topology = with_disabled(monitor_->topology(), next->disabled_servers);
  next->catalogues = catalogues_->catalogues();
  next->addresses = addresses_.addresses();
  next->looking_up = addresses_.looking_up();
  ++next->generation;
  picture_ = std::move(next);
  limit_prepared_memory();
  tell_workers([this] { return worker::NewPicture{picture_}; });
}

void Daemon::publish() {
  if (!monitor_) return;
  follow_primaries();
  if (!serving_) return start_workers_when_ready();
  change_picture([](worker::Picture&) {});
}

// Workers hear at once of new addresses and that nothing is known of who is there.
void Daemon::follow_addresses() {
  if (monitor_) monitor_->follow_addresses();
  secrets_.follow_addresses();
  publish();
}

Status Daemon::reload() {
  Status reloaded = read_again();
  if (!reloaded.ok())
    log::error("reload refused, the old settings stay: {}", reloaded.error().message);
  return reloaded;
}

Status Daemon::read_again() {
  auto next = std::make_shared<worker::Picture>(*picture_);
  if (Status read = load(*next); !read.ok()) return read;
  const config::Difference difference = config::compare(*picture_->config, *next->config);
  for (const config::SettingChange& change : difference.start_only)
    log::warning("reload: {} stays {} until the next start (the file says {})", change.key,
                 change.old_value, change.new_value);
  for (const config::SettingChange& change : difference.settings)
    log::info("reload: {} = {} (was {})", change.key, change.new_value, change.old_value);
  log_changed_names(difference);
  next->config = config::keep_start_only(*picture_->config, *next->config);
  const config::Config& config = *next->config;
  if (Status opened = log::configure(log_options(config.log)); !opened.ok()) return opened;
  raise_file_limit(config, next->users->size(), workers_.size());
  if (next->client_tls != picture_->client_tls)
    log::info("reload: new clients get the TLS certificate {}",
              config.tls.settings.files.certificate);
  if (http_ && next->http_tls != picture_->http_tls) {
    http_->use(next->http_tls);
    log::info("reload: new connections to the pages get {}",
              config.http.has_tls() ? "the TLS certificate " + config.http.files.certificate
                                    : std::string("no TLS"));
  }
  picture_ = std::move(next);
  secrets_.forget_all();
  fates_.forget_all();
  catalogues_->configure(picture_->config);
  addresses_.watch(config);
  start_monitor();
  change_picture([](worker::Picture&) {});
  log::info("configuration reloaded from {}", options_.config_path);
  return done();
}

Status Daemon::use(std::shared_ptr<const config::Config> config) {
  auto next = std::make_shared<worker::Picture>(*picture_);
  if (Status read = read_login_files(*next, *config); !read.ok()) return read;
  if (Status opened = log::configure(log_options(config->log)); !opened.ok()) return opened;
  raise_file_limit(*config, picture_->users->size(), workers_.size());
  catalogues_->configure(config);
  change_picture([&](worker::Picture& picture) {
    picture.config = config;
    picture.host_access = next->host_access;
    picture.client_tls = next->client_tls;
  });
  if (changes_login(*next->config, *config)) secrets_.forget_all();
  return done();
}

// What says how clients log in, of files that were read before; only where it is another now.
Status Daemon::read_login_files(worker::Picture& picture, const config::Config& config) const {
  if (!changes_login(*picture.config, config)) return done();
  auto access = load_host_access(config.auth);
  if (!access) return access.error();
  auto tls = load_tls(config, {picture.client_tls, picture.server_tls, picture.http_tls});
  if (!tls) return tls.error();
  picture.host_access = std::move(*access);
  picture.client_tls = std::move(tls->clients);
  return done();
}

}  // namespace pgsaba::control
