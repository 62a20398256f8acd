#include "control/metrics.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "control/access_metrics.h"
#include "control/metric_families.h"

namespace pgsaba::control {
namespace {

// ---- the process -------------------------------------------------------------------------------

void add_process(Families& all, const admin::ConsolePicture& picture, const ProcessFacts& process) {
  all.gauge("pgsaba_build_info", "Always 1; the version is a label.")
      .add({{"version", picture.version}}, 1);
  all.gauge("pgsaba_workers", "Threads that serve clients.")
      .add({}, std::ranges::count_if(picture.workers, [](const auto& worker) {
             return worker.worker != admin::kControlThread;
           }));
  all.gauge("pgsaba_worker_lag_seconds",
            "How long a worker took to read a letter, measured when this page was asked for.");
  for (const stats::WorkerSnapshot& worker : picture.workers)
    if (worker.worker != admin::kControlThread)
      all.add({{"worker", std::to_string(worker.worker)}},
              seconds(std::max<Micros>(0, worker.time - process.asked_at)));
  all.gauge("process_resident_memory_bytes", "Resident memory size in bytes.")
      .add({}, process.resident_bytes);
  all.gauge("process_virtual_memory_bytes", "Virtual memory size in bytes.")
      .add({}, process.virtual_bytes);
  all.gauge("process_open_fds", "Number of open file descriptors.").add({}, process.open_files);
  all.gauge("process_max_fds", "Maximum number of open file descriptors.")
      .add({}, process.max_files);
  all.counter("process_cpu_seconds_total", "Total user and system CPU time spent in seconds.")
      .add({}, process.cpu_seconds);
  all.gauge("process_start_time_seconds", "Start time of the process since unix epoch in seconds.")
      .add({}, process.start_time_seconds);
}

// ---- pools -------------------------------------------------------------------------------------

struct PoolSum {
  std::uint64_t active = 0;
  std::uint64_t waiting = 0;
  Micros maxwait_us = 0;
};

void add_clients(Families& all, const admin::ConsolePicture& picture) {
  std::map<std::pair<std::string, std::string>, PoolSum> sums;
  std::uint64_t logging_in = 0;
  for (const stats::WorkerSnapshot& worker : picture.workers) {
    logging_in += worker.login_clients;
    for (const stats::PoolRow& pool : worker.pools) {
      PoolSum& sum = sums[{pool.database, pool.user}];
      sum.active += pool.cl_active;
      sum.waiting += pool.cl_waiting;
      sum.maxwait_us = std::max(sum.maxwait_us, pool.maxwait_us);
    }
  }
  all.gauge("pgsaba_login_clients", "Clients that have not logged in yet.").add({}, logging_in);
  all.gauge("pgsaba_pool_clients",
            "Clients by whether they wait for a server connection (waiting) or not (active).");
  for (const auto& [key, sum] : sums) {
    all.add({{"database", key.first}, {"user", key.second}, {"state", "active"}}, sum.active);
    all.add({{"database", key.first}, {"user", key.second}, {"state", "waiting"}}, sum.waiting);
  }
  all.gauge("pgsaba_pool_longest_wait_seconds",
            "How long the client at the head of the queue has waited.");
  for (const auto& [key, sum] : sums)
    all.add({{"database", key.first}, {"user", key.second}}, seconds(sum.maxwait_us));
}

void add_servers(Families& all, const admin::ConsolePicture& picture) {
  using Key = std::tuple<std::string, std::string, std::string>;
  std::map<Key, std::map<std::string, std::uint64_t>> sums;
  for (const stats::WorkerSnapshot& worker : picture.workers) {
    for (const stats::PoolRow& pool : worker.pools) {
      auto& states = sums[{pool.database, pool.user, pool.server}];
      states["active"] += pool.sv_active;
      states["idle"] += pool.sv_idle;
      states["login"] += pool.sv_login;
      states["tested"] += pool.sv_tested;
      states["being_canceled"] += pool.sv_being_canceled;
    }
  }
  all.gauge("pgsaba_pool_servers", "Server connections by what they are doing.");
  for (const auto& [key, states] : sums)
    for (const auto& [state, count] : states)
      all.add({{"database", std::get<0>(key)},
               {"user", std::get<1>(key)},
               {"server", std::get<2>(key)},
               {"state", state}},
              count);
}

void add_databases(Families& all, const admin::ConsolePicture& picture) {
  all.gauge("pgsaba_database_pool_size", "Server connections a pool of the database may have.");
  for (const admin::DatabaseInfo& database : picture.databases)
    all.add({{"database", database.name}}, database.pool_size);
  all.gauge("pgsaba_database_paused", "Whether the database is paused.");
  for (const admin::DatabaseInfo& database : picture.databases)
    all.add({{"database", database.name}}, database.paused ? 1 : 0);
  all.gauge("pgsaba_database_disabled", "Whether the database takes no new clients.");
  for (const admin::DatabaseInfo& database : picture.databases)
    all.add({{"database", database.name}}, database.disabled ? 1 : 0);
}

// ---- traffic -----------------------------------------------------------------------------------

struct TrafficFamily {
  const char* name;
  const char* help;
  stats::TrafficField field;
};

constexpr std::array kTraffic = {
    TrafficFamily{"pgsaba_transactions_total", "Transactions.", &stats::TrafficTotals::xact_count},
    TrafficFamily{"pgsaba_queries_total", "Queries.", &stats::TrafficTotals::query_count},
    TrafficFamily{"pgsaba_client_received_bytes_total", "Bytes from clients.",
                  &stats::TrafficTotals::bytes_received},
    TrafficFamily{"pgsaba_client_sent_bytes_total", "Bytes to clients.",
                  &stats::TrafficTotals::bytes_sent},
    TrafficFamily{"pgsaba_server_assignments_total", "Server connections lent to clients.",
                  &stats::TrafficTotals::server_assignment_count},
    TrafficFamily{"pgsaba_client_parses_total", "Statements prepared by clients.",
                  &stats::TrafficTotals::client_parse_count},
    TrafficFamily{"pgsaba_server_parses_total", "Statements prepared on servers.",
                  &stats::TrafficTotals::server_parse_count},
    TrafficFamily{"pgsaba_binds_total", "Prepared statements bound.",
                  &stats::TrafficTotals::bind_count},
    TrafficFamily{"pgsaba_client_logins_total", "Clients that logged in.",
                  &stats::TrafficTotals::client_login_count},
};

void add_traffic(Families& all, const admin::ConsolePicture& picture) {
  const admin::TotalsByDatabase totals = admin::totals_of(picture.workers);
  for (const TrafficFamily& family : kTraffic) {
    all.counter(family.name, family.help);
    for (const auto& [database, sum] : totals) all.add({{"database", database}}, sum.*family.field);
  }
}

void add_times(Families& all, const admin::ConsolePicture& picture) {
  std::map<std::string, stats::TrafficTimes> times;
  for (const stats::WorkerSnapshot& worker : picture.workers)
    for (const stats::DatabaseStats& database : worker.databases)
      times[database.database] += database.times;
  struct Family {
    const char* name;
    const char* help;
    stats::TimeHistogram stats::TrafficTimes::*histogram;
  };
  constexpr std::array kFamilies = {
      Family{"pgsaba_transaction_duration_seconds", "Transactions, waits included.",
             &stats::TrafficTimes::transactions},
      Family{"pgsaba_query_duration_seconds", "Queries, waits included.",
             &stats::TrafficTimes::queries},
      Family{"pgsaba_wait_duration_seconds",
             "How long clients waited for a server connection, of those that had to.",
             &stats::TrafficTimes::waits},
  };
  for (const Family& family : kFamilies) {
    all.histogram(family.name, family.help);
    for (const auto& [database, one] : times)
      all.add({{"database", database}}, one.*family.histogram);
  }
}

void add_routes(Families& all, const admin::ConsolePicture& picture) {
  struct Sum {
    std::uint64_t count = 0;
    std::uint64_t waited = 0;
    std::uint64_t wait_us = 0;
  };
  std::map<std::tuple<std::string, bool, std::string>, Sum> sums;
  for (const stats::WorkerSnapshot& worker : picture.workers) {
    for (const stats::RouteRow& row : worker.routes) {
      Sum& sum = sums[{row.database, row.on_standby, row.reason}];
      sum.count += row.count;
      sum.waited += row.waited;
      sum.wait_us += row.wait_us;
    }
  }
  const auto labels = [](const auto& key) {
    return Labels{{"database", std::get<0>(key)},
                  {"route", std::get<1>(key) ? "standby" : "primary"},
                  {"reason", std::get<2>(key)}};
  };
  all.counter("pgsaba_leases_total", "Where statements of split databases went, and why.");
  for (const auto& [key, sum] : sums) all.add(labels(key), sum.count);
  all.counter("pgsaba_lease_waits_total", "Of those: waited for a standby to catch up first.");
  for (const auto& [key, sum] : sums) all.add(labels(key), sum.waited);
  all.counter("pgsaba_lease_wait_seconds_total", "How long they waited for it.");
  for (const auto& [key, sum] : sums) all.add(labels(key), seconds(sum.wait_us));
}

// ---- what clients keep servers for -------------------------------------------------------------

void add_pins(Families& all, const admin::ConsolePicture& picture) {
  const admin::PinTotals totals = admin::pin_totals_of(picture.workers);
  const auto labels = [](const auto& key) {
    return Labels{{"database", key.first}, {"reason", key.second}};
  };
  all.gauge("pgsaba_pins", "Clients that keep a server connection between transactions, and why.");
  for (const auto& [key, sum] : totals) all.add(labels(key), sum.pinned);
  all.counter("pgsaba_pins_total", "How often a client began to keep a server connection.");
  for (const auto& [key, sum] : totals) all.add(labels(key), sum.taken);
  all.counter("pgsaba_pin_seconds_total",
              "How long server connections were kept, of pins that ended.");
  for (const auto& [key, sum] : totals) all.add(labels(key), seconds(sum.kept_us));
  all.counter("pgsaba_pin_waits_total", "Statements that waited for a place among the pins.");
  for (const auto& [key, sum] : totals) all.add(labels(key), sum.waited);
  all.counter("pgsaba_pin_wait_seconds_total", "How long they waited for it.");
  for (const auto& [key, sum] : totals) all.add(labels(key), seconds(sum.wait_us));
  all.counter("pgsaba_pins_refused_total",
              "Statements that failed, and clients that were ended, for want of such a place.");
  for (const auto& [key, sum] : totals) all.add(labels(key), sum.refused);
}

// ---- upgrades ----------------------------------------------------------------------------------

void add_upgrade(Families& all, const admin::ConsolePicture& picture) {
  std::uint64_t in = 0;
  std::uint64_t out = 0;
  for (const stats::WorkerSnapshot& worker : picture.workers) {
    in += worker.clients_moved_in;
    out += worker.clients_moved_out;
  }
  all.gauge("pgsaba_upgrade_under_way",
            "Whether another process still serves clients, so that reads are not split.")
      .add({}, picture.shared ? 1 : 0);
  all.counter("pgsaba_clients_moved_total",
              "Clients that came from another process, or went there.");
  all.add({{"direction", "in"}}, in);
  all.add({{"direction", "out"}}, out);
}

void add_peers(Families& all, const admin::ConsolePicture& picture) {
  if (picture.peers.empty()) return;
  std::uint64_t dropped = 0;
  for (const stats::WorkerSnapshot& worker : picture.workers)
    dropped += worker.peer_cancels_dropped;
  all.counter("pgsaba_peer_cancels_dropped_total",
              "Cancel requests for clients of other processes that could not be forwarded.");
  all.add({}, dropped);
}

// ---- servers and memory ------------------------------------------------------------------------

Labels labels_of(const admin::TopologyRow& row) {
  return {{"cluster", row.cluster}, {"server", row.server}};
}

void add_topology(Families& all, const admin::ConsolePicture& picture) {
  all.gauge("pgsaba_server_info", "Always 1; role and state of each server are labels.");
  for (const admin::TopologyRow& row : picture.topology)
    all.add({{"cluster", row.cluster},
             {"server", row.server},
             {"role", row.role},
             {"state", row.state}},
            1);
  all.gauge("pgsaba_server_primary", "Whether the server is its cluster's primary.");
  for (const admin::TopologyRow& row : picture.topology)
    all.add(labels_of(row), row.role == "primary" ? 1 : 0);
  all.gauge("pgsaba_server_fit_for_reads", "Whether the server may get reads of split databases.");
  for (const admin::TopologyRow& row : picture.topology)
    all.add(labels_of(row), row.fit_for_reads ? 1 : 0);
  all.gauge("pgsaba_server_timeline", "The timeline the server is on.");
  for (const admin::TopologyRow& row : picture.topology) all.add(labels_of(row), row.timeline);
  all.gauge("pgsaba_server_lag_bytes", "How far the standby has still to replay.");
  for (const admin::TopologyRow& row : picture.topology)
    if (row.lag_bytes) all.add(labels_of(row), *row.lag_bytes);
  all.gauge("pgsaba_server_lag_seconds", "How long ago the primary was where the standby is.");
  for (const admin::TopologyRow& row : picture.topology)
    if (row.lag_us) all.add(labels_of(row), seconds(*row.lag_us));
}

void add_memory(Families& all, const admin::ConsolePicture& picture) {
  struct Sum {
    std::uint64_t bytes = 0;
    std::uint64_t used = 0;
    std::uint64_t free = 0;
  };
  std::map<std::string, Sum> sums;
  for (const stats::WorkerSnapshot& worker : picture.workers) {
    for (const stats::MemoryRow& row : worker.memory) {
      Sum& sum = sums[row.name];
      sum.bytes += std::uint64_t{row.entry_bytes} * (row.used + row.free);
      sum.used += row.used;
      sum.free += row.free;
    }
  }
  all.gauge("pgsaba_memory_bytes", "What caches take, as in SHOW MEM.");
  for (const auto& [name, sum] : sums) all.add({{"cache", name}}, sum.bytes);
  all.gauge("pgsaba_memory_entries", "How many entries caches have, in use or not.");
  for (const auto& [name, sum] : sums) {
    all.add({{"cache", name}, {"state", "used"}}, sum.used);
    all.add({{"cache", name}, {"state", "free"}}, sum.free);
  }
  all.gauge("pgsaba_prepared_memory_limit_bytes",
            "What prepared statements and clients' names for them may take; 0 is no limit.")
      .add({}, picture.prepared_bounds.limit_bytes);
  all.counter("pgsaba_prepared_statements_refused_total", "Statements that found no room in that.")
      .add({}, picture.prepared_bounds.refused);
}

// When the process began: its 22nd field in /proc/self/stat, in ticks since the machine began.
double start_time() {
  std::ifstream stat("/proc/self/stat");
  std::string line;
  std::getline(stat, line);
  std::istringstream fields(line.substr(std::min(line.rfind(')') + 2, line.size())));
  std::string field;
  for (int i = 3; i <= 22; ++i) fields >> field;
  std::ifstream machine("/proc/stat");
  for (std::string text; std::getline(machine, text);)
    if (text.starts_with("btime "))
      return std::stod(text.substr(6)) +
             std::strtod(field.c_str(), nullptr) / static_cast<double>(::sysconf(_SC_CLK_TCK));
  return 0;
}

std::uint64_t field_of(const std::string& line) {
  return std::stoull("0" + line.substr(std::min(line.find_first_of("0123456789"), line.size())));
}

}  // namespace

ProcessFacts process_facts() {
  ProcessFacts facts;
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmRSS:")) facts.resident_bytes = field_of(line) * 1024;
    if (line.starts_with("VmSize:")) facts.virtual_bytes = field_of(line) * 1024;
  }
  facts.start_time_seconds = start_time();
  std::error_code code;
  for (std::filesystem::directory_iterator at("/proc/self/fd", code), end; !code && at != end;
       at.increment(code))
    ++facts.open_files;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) facts.max_files = limit.rlim_cur;
  rusage usage{};
  if (::getrusage(RUSAGE_SELF, &usage) == 0)
    facts.cpu_seconds =
        static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
        seconds(static_cast<Micros>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec));
  return facts;
}

std::string metrics_text(const admin::ConsolePicture& picture, const ProcessFacts& process) {
  Families all;
  add_process(all, picture, process);
  add_clients(all, picture);
  add_servers(all, picture);
  add_databases(all, picture);
  add_traffic(all, picture);
  add_times(all, picture);
  add_routes(all, picture);
  add_pins(all, picture);
  add_topology(all, picture);
  add_upgrade(all, picture);
  add_peers(all, picture);
  add_memory(all, picture);
  add_access(all, picture);
  return all.text();
}

}  // namespace pgsaba::control
