#include "cluster_monitor.h"

#include <algorithm>
#include <utility>

namespace pgsaba::control {
namespace {

// What was known of a server before a reload is known after it, whatever its place is now.
void inherit(routing::TopologyCluster& cluster, const routing::TopologyCluster& before) {
  cluster.system_identifier = before.system_identifier;
  cluster.highest_timeline = before.highest_timeline;
  // That there was no primary is known, too; that nothing is known only if it is not listed now.
  if (!before.primary) cluster.primary_state = before.primary_state;
  for (std::size_t index = 0; index < cluster.servers.size(); ++index) {
    const auto& servers = before.servers;
    const auto known = std::find_if(servers.begin(), servers.end(), [&](const auto& server) {
      return server.name == cluster.servers[index].name;
    });
    if (known == servers.end()) continue;
    cluster.servers[index] = *known;
    if (known->role == routing::ServerRole::kPrimary) {
      cluster.primary = index;
      cluster.primary_state = before.primary_state;
    }
  }
}

std::vector<routing::TopologyCluster> first_picture(const std::vector<MonitorCluster>& clusters,
                                                    const routing::Topology* previous) {
  std::vector<routing::TopologyCluster> picture;
  for (const MonitorCluster& settings : clusters) {
    routing::TopologyCluster& cluster = picture.emplace_back();
    cluster.name = settings.name;
    for (const MonitorTarget& target : settings.servers) {
      cluster.servers.emplace_back().name = target.name;
    }
    const auto* before = previous == nullptr ? nullptr : previous->find(settings.name);
    if (before != nullptr) inherit(cluster, *before);
  }
  return picture;
}

}  // namespace

ClusterMonitor::ClusterMonitor(net::ControlLoop& loop, const std::vector<MonitorCluster>& clusters,
                               Observer observer, const TopologyPointer& previous)
    : loop_(loop),
      observer_(std::move(observer)),
      picture_(first_picture(clusters, previous.get())),
      published_(std::make_shared<const routing::Topology>(
          routing::Topology{.generation = previous == nullptr ? 1 : previous->generation + 1,
                            .clusters = picture_})) {
  for (std::size_t index = 0; index < clusters.size(); ++index) watch(index, clusters[index]);
}

void ClusterMonitor::watch(std::size_t cluster, const MonitorCluster& settings) {
  Watched& watched = *watched_.emplace_back(std::make_unique<Watched>());
  watched.complaint.resize(settings.servers.size());
  watched.heard.resize(settings.servers.size());
  for (std::size_t server = 0; server < settings.servers.size(); ++server) {
    watched.probes.push_back(
        std::make_unique<ServerProbe>(loop_, settings.servers[server], settings.probe_limit_us(),
                                      [this, cluster, server](const Result<ProbeAnswer>& result) {
                                        on_probe(cluster, server, result);
                                      }));
  }
  watched.timer = loop_.every(settings.interval_us, [this, cluster] { ask_all(cluster); });
  ask_all(cluster);
}

void ClusterMonitor::ask_all(std::size_t cluster) {
  for (const auto& probe : watched_[cluster]->probes) probe->ask();
}

void ClusterMonitor::probe_now(std::string_view cluster) {
  for (std::size_t index = 0; index < picture_.size(); ++index) {
    if (picture_[index].name == cluster) ask_all(index);
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
  routing::TopologyServer& seen = picture_[cluster].servers[server];
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
}

void ClusterMonitor::on_failure(std::size_t cluster, std::size_t server, const Error& error) {
  routing::TopologyServer& seen = picture_[cluster].servers[server];
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
  routing::TopologyCluster& picture = picture_[cluster];
  // At the start the first to answer may be an old primary: wait for what the others say.
  const bool all_heard = std::all_of(heard.begin(), heard.end(), [](bool one) { return one; });
  if (!picture.primary && !all_heard) return;
  const auto state_before = picture.primary_state;
  const auto primary_before = picture.primary;
  routing::elect_primary(picture);
  if (picture.primary != primary_before) watched_[cluster]->history.clear();
  if (picture.primary_state == state_before && picture.primary == primary_before) return;
  if (picture.primary_state == routing::PrimaryState::kElected) {
    const routing::TopologyServer& primary = picture.servers[*picture.primary];
    notice(log::Level::kInfo, cluster,
           "the primary is " + primary.name + ", timeline " + std::to_string(primary.timeline));
  } else {
    notice(log::Level::kError, cluster, std::string(text_of(picture.primary_state)));
  }
}

void ClusterMonitor::measure_lag(std::size_t cluster, std::size_t server) {
  const routing::TopologyCluster& picture = picture_[cluster];
  routing::TopologyServer& seen = picture_[cluster].servers[server];
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
  if (picture_ == published_->clusters) return;
  published_ = std::make_shared<const routing::Topology>(
      routing::Topology{.generation = published_->generation + 1, .clusters = picture_});
  if (observer_.on_topology) observer_.on_topology(published_);
}

void ClusterMonitor::notice(log::Level level, std::size_t cluster, const std::string& text) const {
  if (observer_.on_notice)
    observer_.on_notice(level, "cluster " + picture_[cluster].name + ": " + text);
}

}  // namespace pgsaba::control
