#include "demo_setup.h"

#include <fmt/core.h>

#include <csignal>
#include <filesystem>

#include "installed_postgres.h"
#include "nap.h"

namespace pgsaba::control {
namespace {

constexpr Micros kReadyLimit = 20 * kSecond;
constexpr Micros kShutdownLimit = 3 * kSecond;

constexpr std::string_view kConfiguration = R"(# Made by `pgsaba demo`.
listen:
  - {{address: 127.0.0.1, port: {port}}}
clusters:
  demo:
    servers:
      - {{name: pg-1, host: 127.0.0.1, port: {primary}}}
      - {{name: pg-2, host: 127.0.0.1, port: {standby}}}
    monitor: {{user: pgsaba_monitor, password: "{password}", database: postgres, interval: 500ms}}
databases:
  demo: {{cluster: demo, route: split}}
  demo_primary: {{cluster: demo, dbname: demo, route: primary}}
  demo_replica: {{cluster: demo, dbname: demo, route: replica}}
auth: {{type: scram-sha-256, file: {directory}/userlist.txt}}
admin: {{users: [{admin}]}}
)";

}  // namespace

Result<std::unique_ptr<DemoSetup>> DemoSetup::start(std::uint16_t port,
                                                    const Interrupted& interrupted) {
  if (port == 0) {
    const auto ports = free_loopback_ports(1);
    if (!ports) return ports.error();
    port = ports->front();
  }
  auto cluster = ThrowawayCluster::start(interrupted);
  if (!cluster) return cluster.error();
  std::unique_ptr<DemoSetup> setup(new DemoSetup(std::move(cluster).value(), port));
  if (Status written = setup->write_files(); !written) return written.error();
  if (Status started = setup->start_daemon(); !started) return started.error();
  if (Status ready = setup->await_daemon(interrupted); !ready) return ready.error();
  return setup;
}

// The daemon goes first, so that it does not report servers that vanish.
DemoSetup::~DemoSetup() {
  if (daemon_) daemon_->stop({SIGINT, SIGINT}, kShutdownLimit);
}

std::string DemoSetup::configuration() const {
  return fmt::format(
      kConfiguration, fmt::arg("port", port_), fmt::arg("primary", cluster_->primary_port()),
      fmt::arg("standby", cluster_->standby_port()), fmt::arg("password", cluster_->password()),
      fmt::arg("directory", cluster_->directory()), fmt::arg("admin", kAdminUser));
}

Status DemoSetup::write_files() const {
  const std::string line = "\" \"" + cluster_->password() + "\"\n";
  const std::string users = std::string("\"") + kUser + line + "\"" + kAdminUser + line;
  if (Status written = cluster_->write_file("userlist.txt", users); !written) return written;
  return cluster_->write_file("pgsaba.yaml", configuration());
}

Status DemoSetup::start_daemon() {
  std::error_code problem;
  const std::string program = std::filesystem::read_symlink("/proc/self/exe", problem);
  if (problem) return Error{"cannot find this program's own file: " + problem.message()};
  ChildOptions options{
      .arguments = {program, "serve", "-c", cluster_->directory() + "/pgsaba.yaml"},
      .directory = cluster_->directory(),
      .log_file = log_file(),
      .account = cluster_->account()};
  auto started = ChildProcess::start(options);
  if (!started && options.account) {
    options.account.reset();  // that user may not be allowed to reach the program's file
    started = ChildProcess::start(options);
  }
  if (!started) return started.error();
  daemon_ = std::move(started).value();
  return done();
}

Status DemoSetup::await_daemon(const Interrupted& interrupted) {
  const Micros deadline = monotonic_now() + kReadyLimit;
  std::string last = "no answer yet";
  while (monotonic_now() < deadline) {
    if (interrupted && interrupted()) return Error{"interrupted"};
    if (auto ended = daemon_failure()) return *ended;
    const auto answer = query_loopback(target("demo_replica"), "SELECT pg_is_in_recovery()");
    if (answer && !answer->rows.empty() && answer->rows[0][0] == "t") return done();
    last = answer ? "demo_replica is not served by the standby" : answer.error().message;
    nap(20 * kMillisecond);
  }
  return Error{"pgsaba was not ready in time: " + last, tail_of_file(log_file())};
}

LoopbackTarget DemoSetup::target(const std::string& database) const {
  const char* user = database == "pgsaba" ? kAdminUser : kUser;
  return {port_, user, cluster_->password(), database};
}

std::string DemoSetup::url(const std::string& database) const {
  const LoopbackTarget place = target(database);
  return fmt::format("postgresql://{}:{}@127.0.0.1:{}/{}", place.user, place.password, place.port,
                     place.database);
}

std::optional<Error> DemoSetup::daemon_failure() {
  if (!daemon_ || daemon_->running()) return std::nullopt;
  return Error{"pgsaba " + daemon_->how_it_ended(), tail_of_file(log_file())};
}

}  // namespace pgsaba::control
