// DemoSetup: the throw-away cluster and the daemon in front of it, as one thing that stands or does
// not. Owning thread: the one that starts it; blocking. Everything is gone after destruction.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "child_process.h"
#include "loopback_query.h"
#include "pgsaba/base/result.h"
#include "throwaway_cluster.h"

namespace pgsaba::control {

class DemoSetup {
 public:
  static constexpr const char* kUser = "demo";
  static constexpr const char* kAdminUser = "saba";

  // Ready when pgsaba answers and serves demo_replica from the standby. Port 0: any free one.
  static Result<std::unique_ptr<DemoSetup>> start(std::uint16_t port,
                                                  const Interrupted& interrupted);
  DemoSetup(const DemoSetup&) = delete;
  DemoSetup& operator=(const DemoSetup&) = delete;
  ~DemoSetup();

  ThrowawayCluster& cluster() const { return *cluster_; }
  std::uint16_t port() const { return port_; }
  // Through pgsaba; the database `pgsaba` is the console.
  LoopbackTarget target(const std::string& database) const;
  std::string url(const std::string& database) const;
  // The daemon's end, with the end of its log; none while it runs.
  std::optional<Error> daemon_failure();

 private:
  DemoSetup(std::unique_ptr<ThrowawayCluster> cluster, std::uint16_t port)
      : cluster_(std::move(cluster)), port_(port) {}

  std::string configuration() const;
  Status write_files() const;
  Status start_daemon();
  Status await_daemon(const Interrupted& interrupted);
  std::string log_file() const { return cluster_->directory() + "/pgsaba.log"; }

  std::unique_ptr<ThrowawayCluster> cluster_;
  std::uint16_t port_;
  std::optional<ChildProcess> daemon_;
};

}  // namespace pgsaba::control
