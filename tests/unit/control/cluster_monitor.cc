// The monitor against real servers: a throw-away primary and standby. Without PostgreSQL's server
// programs only what needs none is tested.
#include "control/cluster_monitor.h"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "control/installed_postgres.h"
#include "control/loopback_query.h"
#include "control/throwaway_cluster.h"

using namespace pgsaba;
using namespace pgsaba::control;
using routing::PrimaryState;
using routing::ServerRole;

namespace {

// A variable of the environment that has another value for a while.
class ScopedVariable {
 public:
  ScopedVariable(const char* name, const std::string& value) : name_(name) {
    if (const char* before = std::getenv(name)) before_ = before;
    ::setenv(name, value.c_str(), 1);
  }
  ScopedVariable(const ScopedVariable&) = delete;
  ScopedVariable& operator=(const ScopedVariable&) = delete;
  ~ScopedVariable() { before_ ? ::setenv(name_, before_->c_str(), 1) : ::unsetenv(name_); }

 private:
  const char* name_;
  std::optional<std::string> before_;
};

// A loop with one monitor, which runs until a picture fits.
struct Watching {
  net::ControlLoop loop;
  std::vector<std::string> notices;
  int publications = 0;
  std::function<bool(const routing::TopologyCluster&)> wanted;
  std::unique_ptr<ClusterMonitor> monitor;

  void start(std::vector<MonitorTarget> servers,
             const ClusterMonitor::TopologyPointer& previous = {},
             Micros interval = 50 * kMillisecond) {
    MonitorCluster cluster{.name = "rdb", .servers = std::move(servers), .interval_us = interval};
    ClusterMonitor::Observer observer{
        .on_topology =
            [this](const ClusterMonitor::TopologyPointer& topology) {
              ++publications;
              if (wanted && wanted(topology->clusters[0])) loop.stop();
            },
        .on_notice = [this](log::Level, const std::string& text) { notices.push_back(text); }};
    monitor = std::make_unique<ClusterMonitor>(loop, std::vector{cluster}, observer, previous);
  }
  const routing::TopologyCluster& picture() const { return monitor->topology()->clusters[0]; }

  bool run_until(std::function<bool(const routing::TopologyCluster&)> condition,
                 Micros limit = 10 * kSecond) {
    wanted = std::move(condition);
    if (!wanted(picture())) {
      const net::Watch end = loop.after(limit, [this] { loop.stop(); });
      loop.run();
    }
    return wanted(picture());
  }
  void run_for(Micros duration) {
    run_until([](const auto&) { return false; }, duration);
  }
  long count(const std::string& part) const {
    return std::count_if(notices.begin(), notices.end(), [&](const std::string& notice) {
      return notice.find(part) != std::string::npos;
    });
  }
};

// Accepts connections, in the kernel, and never says a word.
struct SilentServer {
  int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  std::uint16_t port = 0;

  SilentServer() {
    sockaddr_storage place{};
    socklen_t length = net::Address::from_host("127.0.0.1", 0)->to_sockaddr(place);
    auto* raw = reinterpret_cast<sockaddr*>(&place);
    REQUIRE(::bind(listener, raw, length) == 0);
    REQUIRE(::listen(listener, 8) == 0);
    length = sizeof place;
    ::getsockname(listener, raw, &length);
    port = net::Address::from_sockaddr(raw, length).port();
  }
  SilentServer(const SilentServer&) = delete;
  SilentServer& operator=(const SilentServer&) = delete;
  ~SilentServer() { ::close(listener); }
};

MonitorTarget target_of(const ThrowawayCluster& cluster, const std::string& name,
                        std::uint16_t port) {
  return {.name = name,
          .host = "localhost",
          .port = port,
          .user = "pgsaba_monitor",
          .password = cluster.password()};
}

}  // namespace

TEST_CASE("nobody to ask, nobody who answers: roles stay unknown and each reason is told once") {
  const auto ports = free_loopback_ports(1);
  REQUIRE(ports.ok());
  Watching watching;
  watching.start({{.name = "mute", .host = "127.0.0.1", .port = 1},  // no monitor user
                  {.name = "gone", .host = "127.0.0.1", .port = ports->at(0), .user = "u"}},
                 nullptr, 10 * kMillisecond);
  CHECK(watching.monitor->topology()->generation == 1);
  watching.run_for(200 * kMillisecond);
  CHECK(watching.picture().primary_state == PrimaryState::kUnknown);
  CHECK(watching.picture().servers[0].role == ServerRole::kUnknown);
  CHECK(watching.publications == 1);  // nothing became known, but that this is so
  CHECK_FALSE(watching.picture().asking);
  CHECK(watching.count("mute cannot be asked for its role: no monitor user is configured") == 1);
  CHECK(watching.count("server gone") == 1);
  CHECK(watching.notices.size() == 2);
}

namespace {

// As a monitor saw a primary, 127.0.0.1:1, and a standby, db.test:2.
std::shared_ptr<routing::Topology> seen_before() {
  auto topology = std::make_shared<routing::Topology>();
  topology->last_number = 3;
  routing::TopologyCluster& cluster = topology->clusters.emplace_back();
  cluster.name = "rdb";
  cluster.system_identifier = 7;
  cluster.highest_timeline = 5;
  cluster.number = 3;
  for (const char* host : {"127.0.0.1", "db.test"}) {
    routing::TopologyServer& server = cluster.servers.emplace_back();
    server.number = server.port = static_cast<std::uint16_t>(cluster.servers.size());
    server.name = "s" + std::to_string(server.number);
    server.host = host;
    server.address = "127.0.0.1:" + std::to_string(server.port);
    server.reachable = true;
    server.system_identifier = 7;
    server.started_at_us = 1;
    server.role = ServerRole::kStandby;
  }
  cluster.servers[0].role = ServerRole::kPrimary;
  cluster.primary = 0;
  cluster.primary_state = PrimaryState::kElected;
  return topology;
}

}  // namespace

TEST_CASE("what was known before a reload is known of whoever is at the same place, by any name") {
  Watching watching;
  watching.start(
      {{.name = "b", .host = "db.test", .port = 2}, {.name = "s2", .host = "127.0.0.1", .port = 1}},
      seen_before());
  const routing::TopologyCluster& picture = watching.picture();
  CHECK(picture.servers[0].name == "b");
  CHECK(picture.servers[0].role == ServerRole::kStandby);
  CHECK(picture.servers[0].number == 2);
  CHECK(picture.servers[1].number == 1);
  CHECK(picture.primary == 1U);
  CHECK(picture.primary_state == PrimaryState::kElected);
  CHECK(picture.number == 3);
  CHECK_FALSE(picture.asking);
}

TEST_CASE("at another place there is another server, and the others tell whose cluster it is") {
  Watching watching;
  watching.start({{.name = "s1", .host = "127.0.0.1", .port = 9},
                  {.name = "s2", .host = "db.test", .port = 2}},
                 seen_before());
  const routing::TopologyCluster& picture = watching.picture();
  CHECK(picture.servers[0].role == ServerRole::kUnknown);
  CHECK(picture.servers[0].number > 3);
  CHECK(picture.servers[1].role == ServerRole::kStandby);
  CHECK_FALSE(picture.primary);
  CHECK(picture.primary_state == PrimaryState::kUnknown);
  CHECK(picture.system_identifier == 7);
  CHECK(picture.highest_timeline == 5);
  CHECK(picture.number == 3);
  CHECK(picture.asking);
}

TEST_CASE("where nobody is left by whom a cluster was known, it is another one") {
  for (const bool heard : {true, false}) {
    CAPTURE(heard);
    const auto before = seen_before();
    routing::TopologyServer& stranger = before->clusters[0].servers[1];
    stranger.role = ServerRole::kUnknown;
    stranger.system_identifier = heard ? 8 : 0;
    stranger.started_at_us = heard ? 1 : 0;
    Watching watching;
    watching.start({{.name = "s1", .host = "127.0.0.1", .port = 9},
                    {.name = "s2", .host = "db.test", .port = 2}},
                   before);
    const routing::TopologyCluster& picture = watching.picture();
    CHECK(picture.servers[1].number == 2);
    CHECK(picture.primary_state == PrimaryState::kUnknown);
    CHECK(picture.system_identifier == 0);
    CHECK(picture.highest_timeline == 0);
    CHECK(picture.number > 3);
    CHECK(picture.asking);
  }
}

TEST_CASE("a name that leaves the address where it answered leads to another server") {
  const auto addresses = std::make_shared<std::vector<net::Address>>();
  const auto names_are = [&](std::initializer_list<std::string> texts) {
    addresses->clear();
    for (const std::string& text : texts) addresses->push_back(*net::Address::parse(text));
  };
  Watching watching;
  const MonitorTarget literal{.name = "s1", .host = "127.0.0.1", .port = 1};
  const MonitorTarget named{.name = "s2", .host = "db.test", .port = 2, .addresses = addresses};
  watching.start({literal, named}, seen_before());
  names_are({"127.0.0.1:2", "127.0.0.9:2"});
  watching.monitor->follow_addresses();
  CHECK(watching.picture().servers[1].number == 2);
  names_are({});  // no answer is no news
  watching.monitor->follow_addresses();
  CHECK(watching.picture().servers[1].number == 2);
  names_are({"127.0.0.9:2"});
  watching.monitor->follow_addresses();
  CHECK(watching.picture().servers[1].number > 3);
  CHECK(watching.picture().servers[1].role == ServerRole::kUnknown);
  CHECK(watching.picture().primary == 0U);
  CHECK(watching.picture().number == 3);

  watching.start({named}, seen_before());
  watching.monitor->follow_addresses();
  CHECK(watching.picture().servers[0].number > 3);
  CHECK(watching.picture().system_identifier == 0);
  CHECK(watching.picture().number > 3);
}

TEST_CASE("a server that accepts and says nothing costs a probe its limit, not the monitor") {
  net::ControlLoop loop;
  const SilentServer silent;
  std::string message;
  ServerProbe probe(loop, {.host = "127.0.0.1", .port = silent.port, .user = "u"},
                    50 * kMillisecond, [&](const Result<ProbeAnswer>& result) {
                      message = result ? "answered" : result.error().message;
                      loop.stop();
                    });
  probe.ask();
  probe.ask();  // no second probe beside the first
  loop.run();
  CHECK(message == "no answer within 50 ms");
}

TEST_CASE("roles, lag, restarts and promotion on real servers, and nothing left behind" *
          doctest::skip(!find_postgres_bindir().ok())) {
  auto started = ThrowawayCluster::start();
  REQUIRE_MESSAGE(started.ok(), (started ? "" : started.error().message + started.error().hint));
  ThrowawayCluster& cluster = **started;
  const std::string directory = cluster.directory();
  CHECK((std::filesystem::status(directory).permissions() & std::filesystem::perms::all) ==
        std::filesystem::perms::owner_all);

  Watching watching;
  watching.start({target_of(cluster, "one", cluster.standby_port()),
                  target_of(cluster, "two", cluster.primary_port())});
  REQUIRE(watching.run_until([](const auto& picture) {
    return picture.primary == 1U && picture.servers[0].replay_lag_time.has_value();
  }));
  CHECK(watching.picture().servers[0].role == ServerRole::kStandby);
  CHECK(watching.picture().servers[0].streaming);
  CHECK(watching.picture().servers[1].role == ServerRole::kPrimary);
  CHECK(watching.picture().servers[1].timeline == 1);
  CHECK(watching.picture().system_identifier != 0);
  CHECK(watching.picture().servers[1].started_at_us > 1'600'000'000'000'000);

  const auto ask = [&](std::uint16_t port, const std::string& sql) {
    return query_loopback({port, "postgres", cluster.password(), "postgres"}, sql);
  };
  REQUIRE(ask(cluster.standby_port(), "SELECT pg_wal_replay_pause()").ok());
  REQUIRE(ask(cluster.primary_port(), "CREATE TABLE lag AS SELECT generate_series(1, 1000)").ok());
  CHECK(watching.run_until(
      [](const auto& picture) { return picture.servers[0].replay_lag_bytes.value_or(0) > 1'000; }));
  REQUIRE(ask(cluster.standby_port(), "SELECT pg_wal_replay_resume()").ok());
  CHECK(watching.run_until(
      [](const auto& picture) { return picture.servers[0].replay_lag_bytes == 0U; }));

  // Split brain on purpose: the standby is promoted while the primary lives on.
  REQUIRE(ask(cluster.standby_port(), "SELECT pg_promote()").ok());
  REQUIRE(watching.run_until([](const auto& picture) { return picture.primary == 0U; }));
  CHECK(watching.picture().servers[0].timeline == 2);
  CHECK(watching.picture().servers[1].role == ServerRole::kUnknown);
  CHECK(watching.count("the primary is one, timeline 2") == 1);

  // A reload carries on where the old monitor stood: timeline 1 alone is not elected again.
  const auto last = watching.monitor->topology();
  watching.start({target_of(cluster, "two", cluster.primary_port())}, last);
  CHECK(watching.monitor->topology()->generation == last->generation + 1);
  CHECK(watching.run_until(
      [](const auto& picture) { return picture.primary_state == PrimaryState::kStaleClaimant; }));

  // At the start nobody is elected before all have been heard, or have used up their time.
  const SilentServer silent;
  watching.start({target_of(cluster, "two", cluster.primary_port()),
                  target_of(cluster, "silent", silent.port)});
  REQUIRE(watching.run_until([](const auto& picture) { return picture.servers[0].reachable; }));
  CHECK_FALSE(watching.picture().primary);
  CHECK(watching.run_until([](const auto& picture) { return picture.primary == 0U; }));

  // An idle link notices the end of its server without waiting for the next interval.
  watching.start({target_of(cluster, "two", cluster.primary_port())}, nullptr, 60 * kSecond);
  REQUIRE(watching.run_until([](const auto& picture) { return picture.primary == 0U; }));
  cluster.stop();
  CHECK(watching.run_until(
      [](const auto& picture) { return picture.primary_state == PrimaryState::kUnreachable; },
      2 * kSecond));
  CHECK_FALSE(std::filesystem::exists(directory));
}

TEST_CASE("a start that is interrupted leaves nothing behind" *
          doctest::skip(!find_postgres_bindir().ok())) {
  // A place of its own: others may make and remove theirs in the usual one meanwhile.
  std::string place = std::filesystem::temp_directory_path() / "pgsaba-unit-XXXXXX";
  REQUIRE(::mkdtemp(place.data()) != nullptr);
  std::filesystem::permissions(place, std::filesystem::perms{0755});
  const ScopedVariable temporary("TMPDIR", place);
  const Micros patience = monotonic_now() + 300 * kMillisecond;  // some way into initdb
  const auto started = ThrowawayCluster::start([&] { return monotonic_now() > patience; });
  REQUIRE_FALSE(started.ok());
  CHECK(started.error().message == "interrupted");
  CHECK(std::filesystem::is_empty(place));
  std::filesystem::remove_all(place);
}
