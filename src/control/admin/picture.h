// ConsolePicture: everything the console's tables are made from: snapshots of all workers, and
// plain copies of what the configuration says. Control thread; values, gathered anew for each
// command.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "average_keeper.h"
#include "pgsaba/base/clock.h"
#include "pgsaba/stats/snapshot.h"

namespace pgsaba::admin {

// The database that is the console. Its alias is for tools that have PgBouncer's name built in.
inline constexpr std::string_view kConsoleDatabase = "pgsaba";
inline constexpr std::string_view kConsoleAlias = "pgbouncer";

// WorkerSnapshot::worker of the control thread, whose clients are the consoles.
inline constexpr std::uint32_t kControlThread = UINT32_MAX;

// A configured database. Limits of 0 mean none, as in the configuration.
struct DatabaseInfo {
  std::string name;
  std::string host;  // of its servers, with commas; empty: Unix socket
  std::uint16_t port = 5432;
  std::string database;  // its name on the server
  std::optional<std::string> force_user = std::nullopt;
  std::uint32_t pool_size = 0;
  std::uint32_t min_pool_size = 0;
  std::uint32_t reserve_pool_size = 0;
  Micros server_lifetime_us = 0;
  std::optional<std::string> pool_mode = std::nullopt;  // nullopt: inherited
  std::uint32_t max_connections = 0;
  std::uint32_t max_client_connections = 0;
  bool paused = false;
  bool disabled = false;
  std::string cluster = {};
  std::string route = {};
};

struct UserInfo {
  std::string name;
  std::optional<std::uint32_t> pool_size = std::nullopt;
  std::optional<std::uint32_t> reserve_pool_size = std::nullopt;
  std::optional<std::string> pool_mode = std::nullopt;
  std::uint32_t max_user_connections = 0;
  std::uint32_t max_user_client_connections = 0;
};

// A server of a cluster, as the monitor saw it last. What is not known is nullopt, or 0.
struct TopologyRow {
  std::string cluster;
  std::string server;  // its name in the configuration
  std::string host;    // empty: Unix socket
  std::uint16_t port = 5432;
  std::string role;
  std::string state;
  std::uint32_t timeline = 0;
  std::uint64_t position = 0;
  std::optional<std::uint64_t> lag_bytes = std::nullopt;
  std::optional<Micros> lag_us = std::nullopt;
  bool disabled = false;
  bool fit_for_reads = false;
  std::int32_t weight = 1;
  Micros started = 0;
};

struct ConfigRow {
  std::string key;
  std::optional<std::string> value;
  std::optional<std::string> default_value;
  bool changeable = true;  // by RELOAD or SET
};

// A line of the file of rules about logins, as it is on the disk now.
struct HbaInfo {
  std::string file;
  std::uint32_t line = 0;
  std::string type;
  std::string databases;  // with commas, as users and options
  std::string users;
  std::string address;
  std::string method;
  std::string options;
  std::string
      error;  // not empty: the line cannot be used, and all before it but the place is empty
};

struct PeerInfo {
  std::uint32_t peer_id = 0;
  std::string host;
  std::uint16_t port = 6432;
};

struct DnsHost {
  std::string hostname;
  Micros ttl_us = 0;  // what is left of it
  std::vector<std::string> addresses;
  bool looked_up_now = false;
};

enum class ProcessState : std::uint8_t { kActive, kPaused, kSuspended };

struct ConsolePicture {
  std::string version;  // "0.1.0"
  ProcessState state = ProcessState::kActive;
  bool shared = false;  // as worker::Picture::shared
  std::uint16_t listen_port = 6432;
  std::vector<stats::WorkerSnapshot> workers;  // and the control thread's
  std::vector<DatabaseInfo> databases;
  std::vector<TopologyRow> topology;
  std::vector<UserInfo> users;
  std::vector<ConfigRow> config;
  std::vector<DnsHost> dns_hosts;
  std::vector<PeerInfo> peers;
  std::vector<HbaInfo> hba;
  std::vector<stats::PreparedRow> prepared;  // those parsed last, and only for SHOW PREPARED
  stats::PreparedBounds prepared_bounds;
  AverageKeeper averages;
};

// The totals of every database, summed over the workers.
TotalsByDatabase totals_of(const std::vector<stats::WorkerSnapshot>& workers);
// The same of what clients keep servers for, by database and reason.
using PinTotals = std::map<std::pair<std::string, std::string>, stats::PinRow>;
PinTotals pin_totals_of(const std::vector<stats::WorkerSnapshot>& workers);

}  // namespace pgsaba::admin
