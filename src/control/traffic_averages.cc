#include "control/traffic_averages.h"

#include <fmt/core.h>

#include <algorithm>

#include "pgsaba/base/log.h"

namespace pgsaba::control {
namespace {

// However short the configured period is.
constexpr Micros kShortestPeriodUs = 100 * kMillisecond;

}  // namespace

std::string stats_line(const stats::TrafficTotals& averages) {
  return fmt::format(
      "stats: {} xacts/s, {} queries/s, {} client parses/s, {} server parses/s, {} binds/s, "
      "{} client logins/s, in {} B/s, out {} B/s, xact {} us, query {} us, wait {} us",
      averages.xact_count, averages.query_count, averages.client_parse_count,
      averages.server_parse_count, averages.bind_count, averages.client_login_count,
      averages.bytes_received, averages.bytes_sent, averages.xact_time_us, averages.query_time_us,
      averages.wait_time_us);
}

TrafficAverages::TrafficAverages(net::ControlLoop& loop, DaemonControls& controls)
    : loop_(loop), controls_(controls) {
  keeper_.feed(monotonic_now(), {});
  wait();
}

void TrafficAverages::wait() {
  const Micros period = controls_.picture().config->log.stats_period_us;
  period_ = loop_.after(std::max(period, kShortestPeriodUs), [this] { period_over(); });
}

void TrafficAverages::period_over() {
  wait();
  controls_.gather(stats::Detail::kSums, [this](const std::vector<stats::WorkerSnapshot>& workers) {
    keeper_.feed(monotonic_now(), admin::totals_of(workers));
    if (controls_.picture().config->log.stats) log::info("{}", stats_line(keeper_.of_all()));
  });
}

}  // namespace pgsaba::control
