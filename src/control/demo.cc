#include "demo.h"

#include <fmt/core.h>

#include <csignal>
#include <cstdio>
#include <vector>

#include "demo_check.h"
#include "demo_options.h"
#include "demo_setup.h"
#include "installed_postgres.h"
#include "nap.h"
#include "pgsaba/base/clock.h"

namespace pgsaba::control {
namespace {

constexpr std::uint16_t kUsualPort = 6432;

// Signals only leave word: whoever waits asks, and destructors take everything down.
volatile std::sig_atomic_t signal_seen = 0;

bool interrupted() { return signal_seen != 0; }

void catch_signals() {
  struct sigaction action {};
  action.sa_handler = [](int number) { signal_seen = number; };
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
  struct sigaction hang_up {};
  ::sigaction(SIGHUP, nullptr, &hang_up);
  if (hang_up.sa_handler != SIG_IGN) ::sigaction(SIGHUP, &action, nullptr);  // as nohup wants
  std::signal(SIGPIPE, SIG_IGN);  // a reader of our output that leaves must not end us untidily
}

int complain(const Error& error, int status) {
  fmt::print(stderr, "pgsaba demo: {}\n", error.message);
  if (!error.hint.empty()) fmt::print(stderr, "{}\n", error.hint);
  return status;
}

std::uint16_t chosen_port(const DemoOptions& options) {
  if (options.port != 0) return options.port;
  return !options.check && is_free_loopback_port(kUsualPort) ? kUsualPort : 0;
}

void introduce(const DemoSetup& setup) {
  const ThrowawayCluster& cluster = setup.cluster();
  fmt::print(R"(
pgsaba listens on 127.0.0.1:{port}; behind it {version}:
  primary 127.0.0.1:{primary}, hot standby 127.0.0.1:{standby}

  psql            psql '{url}'
  application     DATABASE_URL={url}
  admin console   psql '{console}'

What to try:
  which server answers
    psql '{replica}' -c 'SELECT inet_server_port(), pg_is_in_recovery()'
  two hundred clients on a few server connections, and the console meanwhile: SHOW POOLS; SHOW STATS;
    pgbench -i -q '{url}' && pgbench -c 200 -j 2 -T 10 -S '{url}'
  a failover: promote the standby, and write on through the same URL
    PGPASSWORD={password} psql -h 127.0.0.1 -p {standby} -U postgres -c 'SELECT pg_promote()'

Ctrl-C takes everything down.
)",
             fmt::arg("port", setup.port()), fmt::arg("version", cluster.version()),
             fmt::arg("primary", cluster.primary_port()),
             fmt::arg("standby", cluster.standby_port()), fmt::arg("url", setup.url("demo")),
             fmt::arg("replica", setup.url("demo_replica")),
             fmt::arg("console", setup.url("pgsaba")), fmt::arg("password", cluster.password()));
  std::fflush(stdout);
}

// Servers may end, that is what a failover looks like; without pgsaba the demo is over.
int stay(DemoSetup& setup) {
  bool server_reported = false;
  while (!interrupted()) {
    if (const auto failure = setup.daemon_failure()) return complain(*failure, 1);
    const auto lost = setup.cluster().failure();
    if (lost && !server_reported) fmt::print("{}\n", lost->message);
    server_reported = lost.has_value();
    std::fflush(stdout);
    nap(100 * kMillisecond);
  }
  fmt::print("\ntaking everything down\n");
  std::fflush(stdout);
  return 0;
}

int run(const DemoOptions& options) {
  const Micros start = monotonic_now();
  fmt::print("starting a primary, a hot standby and pgsaba ...\n");
  std::fflush(stdout);
  auto setup = DemoSetup::start(chosen_port(options), interrupted);
  if (!setup) return complain(setup.error(), 1);
  fmt::print("ready after {:.1f} s\n", static_cast<double>(monotonic_now() - start) / kSecond);
  if (!options.check) {
    introduce(**setup);
    return stay(**setup);
  }
  if (Status status = check_demo(**setup); !status) return complain(status.error(), 1);
  fmt::print("\nall as it should be\n");
  return 0;
}

}  // namespace

int run_demo(int count, const char* const* arguments) {
  const auto options =
      parse_demo_options(std::vector<std::string_view>(arguments, arguments + count));
  if (!options) return complain(options.error(), 2);
  if (options->help) {
    fmt::print("{}", demo_help());
    return 0;
  }
  catch_signals();
  return run(*options);
}

}  // namespace pgsaba::control
