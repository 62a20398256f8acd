#include "cluster_monitor.h"

#include <algorithm>
#include <utility>

namespace pgsaba::control {
namespace {

// How long clients are kept waiting for the first word of new servers.
constexpr Micros kPatienceUs = 2 * kSecond;

bool is_known(const routing::TopologyCluster& cluster) {
  return std::ranges::any_of(cluster.servers,
                             [&](const auto& server) { return cluster.is_known_by(server); });
}

// What was known of a server before a reload is known after it of whoever is at its place. How many
// servers were found again.
std::size_t inherit_servers(routing::TopologyCluster& cluster,
                            const routing::TopologyCluster& before) {
  std::size_t found = 0;
  for (std::size_t index = 0; index < cluster.servers.size(); ++index) {
    routing::TopologyServer& server = cluster.servers[index];
    const auto known = std::ranges::find_if(
        before.servers, [&](const auto& one) { return one.stands_at_place_of(server); });
    if (known == before.servers.end()) continue;
    ++found;
    std::string name = std::exchange(server.name, {});
    server = *known;
    server.name = std::move(name);
    if (known->role == routing::ServerRole::kPrimary) cluster.primary = index;
  }
  return found;
}

// True if the cluster is known by servers that are still there.
bool inherit(routing::TopologyCluster& cluster, const routing::TopologyCluster& before) {
  const bool complete = inherit_servers(cluster, before) == cluster.servers.size();
  cluster.asking = !complete || before.asking;
  cluster.system_identifier = before.system_identifier;
  cluster.highest_timeline = before.highest_timeline;
  if (!is_known(cluster)) {
    cluster.system_identifier = cluster.highest_timeline = 0;
    return false;
  }
  cluster.number = before.number;
  // That there was no primary is known, too; that nothing is known only if it is not listed now.
  if (cluster.primary || !before.primary) cluster.primary_state = before.primary_state;
  return true;
}

routing::Topology first_picture(const std::vector<MonitorCluster>& clusters,
                                const routing::Topology* previous) {
  routing::Topology picture;
  picture.generation = previous == nullptr ? 1 : previous->generation + 1;
  picture.last_number = previous == nullptr ? 0 : previous->last_number;
  for (const MonitorCluster& settings : clusters) {
    routing::TopologyCluster& cluster = picture.clusters.emplace_back();
    cluster.name = settings.name;
    cluster.asking = true;
    for (const MonitorTarget& target : settings.servers) {
      routing::TopologyServer& server = cluster.servers.emplace_back();
      server.name = target.name;
      server.host = target.host;
      server.port = target.port;
      server.number = ++picture.last_number;
    }
    const auto* before = previous == nullptr ? nullptr : previous->find(settings.name);
    if (before == nullptr || !inherit(cluster, *before)) cluster.number = ++picture.last_number;
  }
  return picture;
}

}  // namespace

ClusterMonitor::ClusterMonitor(net::ControlLoop& loop, const std::vector<MonitorCluster>& clusters,
                               Observer observer, const TopologyPointer& previous)
    : loop_(loop),
      observer_(std::move(observer)),
      picture_(first_picture(clusters, previous.get())),
      published_(std::make_shared<const routing::Topology>(picture_)) {
  for (std::size_t index = 0; index < clusters.size(); ++index) watch(index, clusters[index]);
}

void ClusterMonitor::watch(std::size_t cluster, const MonitorCluster& settings) {
  Watched& watched = *watched_.emplace_back(std::make_unique<Watched>());
  watched.complaint.resize(settings.servers.size());
  watched.refused.resize(settings.servers.size());
  watched.heard.resize(settings.servers.size());
  for (std::size_t server = 0; server < settings.servers.size(); ++server) {
    watched.addresses.push_back(settings.servers[server].addresses);
    watched.probes.push_back(
        std::make_unique<ServerProbe>(loop_, settings.servers[server], settings.probe_limit_us(),
                                      [this, cluster, server](const Result<ProbeAnswer>& result) {
                                        on_probe(cluster, server, result);
                                      }));
  }
  watched.timer = loop_.every(settings.interval_us, [this, cluster] { ask_all(cluster); });
  ask_all(cluster);
  if (picture_.clusters[cluster].asking) be_patient(cluster);
}

void ClusterMonitor::ask_all(std::size_t cluster) {
  for (const auto& probe : watched_[cluster]->probes) probe->ask();
}

void ClusterMonitor::be_patient(std::size_t cluster) {
  picture_.clusters[cluster].asking = true;
  watched_[cluster]->patience = loop_.after(kPatienceUs, [this, cluster] {
    stop_asking(cluster);
    publish_if_changed();
  });
}

void ClusterMonitor::stop_asking(std::size_t cluster) {
  picture_.clusters[cluster].asking = false;
  watched_[cluster]->patience.reset();
}

void ClusterMonitor::follow_addresses() {
  for (std::size_t cluster = 0; cluster < watched_.size(); ++cluster)
    for (std::size_t server = 0; server < watched_[cluster]->probes.size(); ++server)
      if (has_moved(cluster, server)) forget(cluster, server);
  publish_if_changed();
}

bool ClusterMonitor::has_moved(std::size_t cluster, std::size_t server) const {
  const std::string& answered = picture_.clusters[cluster].servers[server].address;
  const CurrentAddresses& current = watched_[cluster]->addresses[server];
  return !answered.empty() && current && !current->empty() &&
         std::ranges::find(*current, answered, &net::Address::to_string) == current->end();
}

// Another server is there now.
void ClusterMonitor::forget(std::size_t cluster, std::size_t server) {
  routing::TopologyCluster& picture = picture_.clusters[cluster];
  Watched& watched = *watched_[cluster];
  const routing::TopologyServer& seen = picture.servers[server];
  notice(log::Level::kInfo, cluster, "server " + seen.name + " is asked anew, where it is now");
  routing::TopologyServer fresh;
  fresh.name = seen.name;
  fresh.host = seen.host;
  fresh.port = seen.port;
  fresh.number = ++picture_.last_number;
  picture.servers[server] = std::move(fresh);
  if (picture.primary == server) {
    picture.primary.reset();
    picture.primary_state = routing::PrimaryState::kUnknown;
    watched.history.clear();
  }
  if (!is_known(picture)) {
    picture.system_identifier = picture.highest_timeline = 0;
    picture.primary_state = routing::PrimaryState::kUnknown;
    picture.number = ++picture_.last_number;
  }
  watched.complaint[server].clear();
  watched.refused[server] = 0;
  watched.heard[server] = false;
  be_patient(cluster);
  watched.probes[server]->start_over();
}

void ClusterMonitor::probe_now(std::string_view cluster) {
  for (std::size_t index = 0; index < picture_.clusters.size(); ++index) {
    if (picture_.clusters[index].name == cluster) ask_all(index);
  }
}

void ClusterMonitor::on_probe(std::size_t cluster, std::size_t server,
                              const Result<ProbeAnswer>& result) {
  watched_[cluster]->heard[server] = true;
  if (result) {
    on_answer(cluster, server, *result);
  } else {
    on_failure(cluster, server, result.error());
  }
  elect(cluster);
  measure_lag(cluster, server);
  publish_if_changed();
}

void ClusterMonitor::on_answer(std::size_t cluster, std::size_t server, const ProbeAnswer& answer) {
  routing::TopologyServer& seen = picture_.clusters[cluster].servers[server];
  std::string& complaint = watched_[cluster]->complaint[server];
  if (!complaint.empty()) {
    notice(log::Level::kInfo, cluster, "server " + seen.name + " answers again");
    complaint.clear();
  }
  seen.reachable = true;
  seen.silent = false;
  seen.accepts_writes = !answer.in_recovery;
  seen.streaming = answer.in_recovery && answer.streaming;
  seen.timeline = answer.timeline;
  seen.system_identifier = answer.system_identifier;
  seen.started_at_us = answer.started_at_us;
  seen.lsn = answer.lsn;
  if (!answer.address.empty()) seen.address = answer.address;
}

void ClusterMonitor::on_failure(std::size_t cluster, std::size_t server, const Error& error) {
  routing::TopologyServer& seen = picture_.clusters[cluster].servers[server];
  seen.reachable = false;
  seen.silent = watched_[cluster]->probes[server]->met_silence();
  seen.streaming = false;
  std::string& complaint = watched_[cluster]->complaint[server];
  if (complaint == error.message) return;
  complaint = error.message;
  notice(log::Level::kWarning, cluster,
         "server " + seen.name + " cannot be asked for its role: " + error.message);
}

void ClusterMonitor::elect(std::size_t cluster) {
  const std::vector<bool>& heard = watched_[cluster]->heard;
  routing::TopologyCluster& picture = picture_.clusters[cluster];
  // At the start the first to answer may be an old primary: wait for what the others say.
  const bool all_heard = std::all_of(heard.begin(), heard.end(), [](bool one) { return one; });
  if (!picture.primary && !all_heard) return;
  if (all_heard) stop_asking(cluster);
  const auto state_before = picture.primary_state;
  const auto primary_before = picture.primary;
  routing::elect_primary(picture);
  report_strangers(cluster);
  if (picture.primary != primary_before) watched_[cluster]->history.clear();
  if (picture.primary_state != state_before || picture.primary != primary_before)
    report_election(cluster);
}

void ClusterMonitor::report_election(std::size_t cluster) {
  const routing::TopologyCluster& picture = picture_.clusters[cluster];
  if (picture.primary_state != routing::PrimaryState::kElected)
    return notice(log::Level::kError, cluster, std::string(text_of(picture.primary_state)));
  const routing::TopologyServer& primary = picture.servers[*picture.primary];
  notice(log::Level::kInfo, cluster,
         "the primary is " + primary.name + ", timeline " + std::to_string(primary.timeline));
}

void ClusterMonitor::report_strangers(std::size_t cluster) {
  const routing::TopologyCluster& picture = picture_.clusters[cluster];
  for (std::size_t index = 0; index < picture.servers.size(); ++index) {
    const routing::TopologyServer& server = picture.servers[index];
    if (!server.reachable) continue;
    const std::uint64_t stranger = picture.is_stranger(server) ? server.system_identifier : 0;
    if (std::exchange(watched_[cluster]->refused[index], stranger) == stranger || stranger == 0)
      continue;
    notice(log::Level::kError, cluster,
           "server " + server.name + " has the system identifier " + std::to_string(stranger) +
               ", the cluster's is " + std::to_string(picture.system_identifier) +
               ": it is not used");
  }
}

void ClusterMonitor::measure_lag(std::size_t cluster, std::size_t server) {
  const routing::TopologyCluster& picture = picture_.clusters[cluster];
  routing::TopologyServer& seen = picture_.clusters[cluster].servers[server];
  LagHistory& history = watched_[cluster]->history;
  const Micros now = monotonic_now();
  seen.replay_lag_bytes.reset();
  seen.replay_lag_time.reset();
  if (picture.primary == server && seen.reachable) history.record(now, seen.lsn);
  const bool comparable = picture.primary && picture.servers[*picture.primary].reachable &&
                          seen.reachable && seen.role == routing::ServerRole::kStandby;
  if (!comparable) return;
  seen.replay_lag_bytes = history.bytes_behind(seen.lsn);
  seen.replay_lag_time = history.time_behind(now, seen.lsn);
}

void ClusterMonitor::publish_if_changed() {
  if (picture_.clusters == published_->clusters) return;
  ++picture_.generation;
  published_ = std::make_shared<const routing::Topology>(picture_);
  if (observer_.on_topology) observer_.on_topology(published_);
}

void ClusterMonitor::notice(log::Level level, std::size_t cluster, const std::string& text) const {
  if (observer_.on_notice)
    observer_.on_notice(level, "cluster " + picture_.clusters[cluster].name + ": " + text);
}

}  // namespace pgsaba::control
