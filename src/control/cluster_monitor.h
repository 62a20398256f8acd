// ClusterMonitor: keeps the picture of all clusters: asks every server at each interval and
// publishes a new Topology whenever the picture changed.
// Owning thread: the control loop's; its callbacks run there and must not destroy the monitor.
// Lifetime: stop by destroying; on reload build a new one and hand it the last topology, so that
// roles, timelines and generations go on. What is known of a server is known of its place (host and
// port) and of the address where it answered: at another one it is another server, and once no
// server is left by which the cluster's system identifier is known, that is learned anew.
// It needs no worker. It never fails: what goes wrong is a notice (once per change, not per probe)
// and a server that is not reachable.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lag_history.h"
#include "monitor_target.h"
#include "pgsaba/base/log.h"
#include "pgsaba/net/control_loop.h"
#include "pgsaba/routing/topology.h"
#include "server_probe.h"

namespace pgsaba::control {

class ClusterMonitor {
 public:
  using TopologyPointer = std::shared_ptr<const routing::Topology>;

  struct Observer {
    std::function<void(TopologyPointer)> on_topology;
    std::function<void(log::Level, const std::string&)> on_notice = log::write;
  };

  ClusterMonitor(net::ControlLoop& loop, const std::vector<MonitorCluster>& clusters,
                 Observer observer, const TopologyPointer& previous = nullptr);

  // Never null: before the first answers all roles are unknown, or those of `previous`.
  const TopologyPointer& topology() const { return published_; }

  // Hosts may have other addresses by now.
  void follow_addresses();

  // Asks all servers of a cluster at once: somebody met a sign of a failover.
  void probe_now(std::string_view cluster);

 private:
  struct Watched {
    std::vector<CurrentAddresses> addresses;
    std::vector<std::unique_ptr<ServerProbe>> probes;
    std::vector<std::string> complaint;  // the failure last reported, per server
    std::vector<std::uint64_t> refused;  // the identifier for which that was last reported
    std::vector<bool> heard;             // answered or failed since we started
    LagHistory history;
    net::Watch timer;
    net::Watch patience;  // while `asking`
  };

  void watch(std::size_t cluster, const MonitorCluster& settings);
  void ask_all(std::size_t cluster);
  void be_patient(std::size_t cluster);
  void stop_asking(std::size_t cluster);
  bool has_moved(std::size_t cluster, std::size_t server) const;
  void forget(std::size_t cluster, std::size_t server);
  void on_probe(std::size_t cluster, std::size_t server, const Result<ProbeAnswer>& result);
  void on_answer(std::size_t cluster, std::size_t server, const ProbeAnswer& answer);
  void on_failure(std::size_t cluster, std::size_t server, const Error& error);
  void elect(std::size_t cluster);
  void report_election(std::size_t cluster);
  void report_strangers(std::size_t cluster);
  void measure_lag(std::size_t cluster, std::size_t server);
  void publish_if_changed();
  void notice(log::Level level, std::size_t cluster, const std::string& text) const;

  net::ControlLoop& loop_;
  Observer observer_;
  routing::Topology picture_;  // what will be published next
  TopologyPointer published_;
  std::vector<std::unique_ptr<Watched>> watched_;  // by cluster, as picture_
};

}  // namespace pgsaba::control
