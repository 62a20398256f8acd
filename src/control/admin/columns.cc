#include "columns.h"

namespace pgsaba::admin {
namespace {

constexpr ColumnType kText = ColumnType::kText;
constexpr ColumnType kInt4 = ColumnType::kInt4;
constexpr ColumnType kInt8 = ColumnType::kInt8;
constexpr ColumnType kNumeric = ColumnType::kNumeric;

using Columns = std::vector<Column>;

Columns operator+(Columns left, const Columns& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

Columns all_of(ColumnType type, std::initializer_list<std::string_view> names) {
  Columns columns;
  for (const std::string_view name : names) columns.push_back({name, type});
  return columns;
}

Columns connection_columns() {
  return all_of(kText, {"type", "user", "database", "replication", "state"}) +
         Columns{{"addr", kText}, {"port", kInt4}, {"local_addr", kText}, {"local_port", kInt4}} +
         all_of(kText, {"connect_time", "request_time"}) +
         all_of(kInt4, {"wait", "wait_us", "close_needed"}) + all_of(kText, {"ptr", "link"}) +
         Columns{{"remote_pid", kInt4}, {"tls", kText}, {"application_name", kText}} +
         all_of(kInt4, {"prepared_statements", "id"});
}

Columns socket_columns() {
  return connection_columns() + all_of(kInt4, {"recv_pos", "pkt_pos", "pkt_remain", "send_pos",
                                               "send_remain", "pkt_avail", "send_avail", "worker"});
}

Columns pool_columns() {
  return all_of(kText, {"database", "user"}) +
         all_of(kInt4, {"cl_active", "cl_waiting", "cl_active_cancel_req", "cl_waiting_cancel_req",
                        "sv_active", "sv_active_cancel", "sv_being_canceled", "sv_idle", "sv_used",
                        "sv_tested", "sv_login", "maxwait", "maxwait_us"}) +
         all_of(kText, {"pool_mode", "load_balance_hosts", "server"});
}

Columns database_columns() {
  return Columns{{"name", kText},
                 {"host", kText},
                 {"port", kInt4},
                 {"database", kText},
                 {"force_user", kText}} +
         all_of(kInt4, {"pool_size", "min_pool_size", "reserve_pool_size", "server_lifetime"}) +
         all_of(kText, {"pool_mode", "load_balance_hosts"}) +
         all_of(kInt4, {"max_connections", "current_connections", "max_client_connections",
                        "current_client_connections", "paused", "disabled"}) +
         all_of(kText, {"cluster", "route"}) +
         all_of(kInt4, {"reserve_pool"});  // as it was called before 1.24
}

Columns user_columns() {
  return all_of(kText, {"name", "pool_size", "reserve_pool_size", "pool_mode"}) +
         all_of(kInt4, {"max_user_connections", "current_connections",
                        "max_user_client_connections", "current_client_connections"});
}

Columns topology_columns() {
  return all_of(kText, {"cluster", "server", "host"}) + Columns{{"port", kInt4}} +
         all_of(kText, {"role", "state"}) +
         Columns{{"timeline", kInt8}, {"position", kText},      {"lag_bytes", kInt8},
                 {"lag_us", kInt8},   {"fit_for_reads", kText}, {"weight", kInt4},
                 {"started", kText},  {"disabled", kText}};
}

Columns database_and(std::initializer_list<std::string_view> numbers) {
  return Columns{{"database", kText}} + all_of(kNumeric, numbers);
}

// The last is the name that total_query_count had before 1.8.
Columns stats_columns() {
  return database_and({"total_server_assignment_count",
                       "total_xact_count",
                       "total_query_count",
                       "total_received",
                       "total_sent",
                       "total_xact_time",
                       "total_query_time",
                       "total_wait_time",
                       "total_client_parse_count",
                       "total_server_parse_count",
                       "total_bind_count",
                       "total_client_login_count",
                       "avg_server_assignment_count",
                       "avg_xact_count",
                       "avg_query_count",
                       "avg_recv",
                       "avg_sent",
                       "avg_xact_time",
                       "avg_query_time",
                       "avg_wait_time",
                       "avg_client_parse_count",
                       "avg_server_parse_count",
                       "avg_bind_count",
                       "avg_client_login_count",
                       "total_requests"});
}

Columns stats_totals_columns() {
  return database_and({"server_assignment_count", "xact_count", "query_count", "bytes_received",
                       "bytes_sent", "xact_time", "query_time", "wait_time", "client_parse_count",
                       "server_parse_count", "bind_count", "client_login_count"});
}

// PgBouncer prefixes some of these names and not others.
Columns stats_averages_columns() {
  return database_and({"server_assignment_count", "xact_count", "query_count", "bytes_received",
                       "bytes_sent", "xact_time", "query_time", "wait_time",
                       "avg_client_parse_count", "avg_server_parse_count", "avg_bind_count",
                       "avg_client_login_count"});
}

}  // namespace

std::vector<Column> make_columns(Subject subject) {
  switch (subject) {
    case Subject::kPools:
    case Subject::kServerPools:
      return pool_columns();
    case Subject::kClients:
      return connection_columns() + Columns{{"worker", kInt4}, {"reason", kText}};
    case Subject::kServers:
      return connection_columns() +
             Columns{{"server", kText}, {"worker", kInt4}, {"reason", kText}};
    case Subject::kPins:
      return {{"id", kInt4},     {"database", kText},   {"user", kText},
              {"server", kText}, {"remote_pid", kInt4}, {"reason", kText},
              {"since", kText},  {"idle_us", kInt8},    {"worker", kInt4}};
    case Subject::kPinTotals:
      return all_of(kText, {"database", "reason"}) +
             all_of(kNumeric, {"pinned", "total_pins", "total_pinned_time", "total_waits",
                               "total_wait_time", "total_refused"});
    case Subject::kPrepared:
      return {{"statement", kText}, {"query", kText},   {"bytes", kInt8},
              {"users", kInt4},     {"servers", kInt4}, {"hits", kInt8}};
    case Subject::kWaits:
      return Columns{{"id", kInt4}} +
             all_of(kText, {"database", "user", "application_name", "addr", "waits_for", "since"}) +
             Columns{{"wait_us", kInt8}} +
             all_of(kText, {"holders", "held_by", "held_from", "held_why"}) +
             Columns{{"held_us", kInt8}};
    case Subject::kSockets:
    case Subject::kActiveSockets:
      return socket_columns();
    case Subject::kDatabases:
      return database_columns();
    case Subject::kUsers:
      return user_columns();
    case Subject::kTopology:
      return topology_columns();
    case Subject::kHba:
      return Columns{{"file", kText}, {"line", kInt4}} +
             all_of(kText, {"type", "database", "user", "address", "method", "options", "error"});
    case Subject::kRoutes:
      return all_of(kText, {"database", "route", "reason"}) +
             all_of(kNumeric, {"count", "waited", "wait_time"});
    case Subject::kStats:
      return stats_columns();
    case Subject::kStatsTotals:
      return stats_totals_columns();
    case Subject::kStatsAverages:
      return stats_averages_columns();
    case Subject::kTotals:
      return {{"name", kText}, {"value", kNumeric}};
    case Subject::kLists:
      return {{"list", kText}, {"items", kInt4}};
    case Subject::kConfig:
      return all_of(kText, {"key", "value", "default", "changeable"});
    case Subject::kMem:
      return Columns{{"name", kText}} + all_of(kInt4, {"size", "used", "free", "memtotal"});
    case Subject::kDnsHosts:
      return {{"hostname", kText}, {"ttl", kInt8}, {"addrs", kText}};
    case Subject::kDnsZones:
      return {{"zonename", kText}, {"serial", kInt8}, {"count", kInt4}};
    case Subject::kPeers:
      return {{"peer_id", kInt4}, {"host", kText}, {"port", kInt4}, {"pool_size", kInt4}};
    case Subject::kPeerPools:
      return all_of(kInt4, {"peer_id", "cl_active_cancel_req", "cl_waiting_cancel_req",
                            "sv_active_cancel", "sv_login"});
    case Subject::kState:
      return all_of(kText, {"key", "value"});
    case Subject::kVersion:
      return {{"version", kText}};
    case Subject::kHelp:
    case Subject::kFds:
      break;
  }
  return {};
}

std::vector<Column> explain_route_columns() {
  return all_of(
      kText, {"database", "access", "reason", "hint", "route", "route_reason", "server", "object"});
}

}  // namespace pgsaba::admin
