// Every table's columns against those that PgBouncer 1.25 sends, as dumped from its running binary.
#include <doctest/doctest.h>

#include <array>
#include <string>

#include "control/admin/tables.h"

namespace pgsaba::admin {
namespace {

struct Expected {
  std::string_view subject;
  std::string_view pgbouncer;  // "name type " for each column
  std::string_view own;        // what we append
};

constexpr std::array kExpected = {
    Expected{"POOLS",
             "database text user text cl_active int4 cl_waiting int4 cl_active_cancel_req int4 "
             "cl_waiting_cancel_req int4 sv_active int4 sv_active_cancel int4 "
             "sv_being_canceled int4 sv_idle int4 sv_used int4 sv_tested int4 sv_login int4 "
             "maxwait int4 maxwait_us int4 pool_mode text load_balance_hosts text ",
             "server text "},
    Expected{"STATS",
             "database text total_server_assignment_count numeric total_xact_count numeric "
             "total_query_count numeric total_received numeric total_sent numeric "
             "total_xact_time numeric total_query_time numeric total_wait_time numeric "
             "total_client_parse_count numeric total_server_parse_count numeric "
             "total_bind_count numeric total_client_login_count numeric "
             "avg_server_assignment_count numeric avg_xact_count numeric avg_query_count "
             "numeric avg_recv numeric avg_sent numeric avg_xact_time numeric avg_query_time "
             "numeric avg_wait_time numeric avg_client_parse_count numeric "
             "avg_server_parse_count numeric avg_bind_count numeric avg_client_login_count "
             "numeric ",
             "total_requests numeric "},
    Expected{"STATS_TOTALS",
             "database text server_assignment_count numeric xact_count numeric query_count "
             "numeric bytes_received numeric bytes_sent numeric xact_time numeric query_time "
             "numeric wait_time numeric client_parse_count numeric server_parse_count numeric "
             "bind_count numeric client_login_count numeric ",
             ""},
    Expected{"STATS_AVERAGES",
             "database text server_assignment_count numeric xact_count numeric query_count "
             "numeric bytes_received numeric bytes_sent numeric xact_time numeric query_time "
             "numeric wait_time numeric avg_client_parse_count numeric avg_server_parse_count "
             "numeric avg_bind_count numeric avg_client_login_count numeric ",
             ""},
    Expected{"TOTALS", "name text value numeric ", ""},
    Expected{"LISTS", "list text items int4 ", ""},
    Expected{"CLIENTS",
             "type text user text database text replication text state text addr text port "
             "int4 local_addr text local_port int4 connect_time text request_time text wait "
             "int4 wait_us int4 close_needed int4 ptr text link text remote_pid int4 tls text "
             "application_name text prepared_statements int4 id int4 ",
             "worker int4 reason text "},
    Expected{"SERVERS",
             "type text user text database text replication text state text addr text port "
             "int4 local_addr text local_port int4 connect_time text request_time text wait "
             "int4 wait_us int4 close_needed int4 ptr text link text remote_pid int4 tls text "
             "application_name text prepared_statements int4 id int4 ",
             "server text worker int4 reason text "},
    Expected{"SOCKETS",
             "type text user text database text replication text state text addr text port "
             "int4 local_addr text local_port int4 connect_time text request_time text wait "
             "int4 wait_us int4 close_needed int4 ptr text link text remote_pid int4 tls text "
             "application_name text prepared_statements int4 id int4 recv_pos int4 pkt_pos "
             "int4 pkt_remain int4 send_pos int4 send_remain int4 pkt_avail int4 send_avail "
             "int4 ",
             "worker int4 "},
    Expected{"ACTIVE_SOCKETS",
             "type text user text database text replication text state text addr text port "
             "int4 local_addr text local_port int4 connect_time text request_time text wait "
             "int4 wait_us int4 close_needed int4 ptr text link text remote_pid int4 tls text "
             "application_name text prepared_statements int4 id int4 recv_pos int4 pkt_pos "
             "int4 pkt_remain int4 send_pos int4 send_remain int4 pkt_avail int4 send_avail "
             "int4 ",
             "worker int4 "},
    Expected{"DATABASES",
             "name text host text port int4 database text force_user text pool_size int4 "
             "min_pool_size int4 reserve_pool_size int4 server_lifetime int4 pool_mode text "
             "load_balance_hosts text max_connections int4 current_connections int4 "
             "max_client_connections int4 current_client_connections int4 paused int4 disabled "
             "int4 ",
             "cluster text route text reserve_pool int4 "},
    Expected{"USERS",
             "name text pool_size text reserve_pool_size text pool_mode text "
             "max_user_connections int4 current_connections int4 max_user_client_connections "
             "int4 current_client_connections int4 ",
             ""},
    Expected{"CONFIG", "key text value text default text changeable text ", ""},
    Expected{"MEM", "name text size int4 used int4 free int4 memtotal int4 ", ""},
    Expected{"DNS_HOSTS", "hostname text ttl int8 addrs text ", ""},
    Expected{"DNS_ZONES", "zonename text serial int8 count int4 ", ""},
    Expected{"PEERS", "peer_id int4 host text port int4 pool_size int4 ", ""},
    Expected{"PEER_POOLS",
             "peer_id int4 cl_active_cancel_req int4 cl_waiting_cancel_req int4 "
             "sv_active_cancel int4 sv_login int4 ",
             ""},
    Expected{"WAITS", "",
             "id int4 database text user text application_name text addr text waits_for text "
             "since text wait_us int8 holders text held_by text held_from text held_why text "
             "held_us int8 "},
    Expected{"PINS", "",
             "id int4 database text user text server text remote_pid int4 reason text since text "
             "idle_us int8 worker int4 "},
    Expected{"PIN_TOTALS", "",
             "database text reason text pinned numeric total_pins numeric "
             "total_pinned_time numeric total_waits numeric total_wait_time numeric "
             "total_refused numeric "},
    Expected{"PREPARED", "",
             "statement text query text bytes int8 users int4 servers int4 hits int8 "},
    Expected{"TOPOLOGY", "",
             "cluster text server text host text port int4 role text state text timeline int8 "
             "position text lag_bytes int8 lag_us int8 fit_for_reads text weight int4 "
             "started text disabled text "},
    Expected{"HBA", "",
             "file text line int4 type text database text user text address text method text "
             "options text error text "},
    Expected{"ROUTES", "",
             "database text route text reason text count numeric waited numeric "
             "wait_time numeric "},
    Expected{"STATE", "key text value text ", ""},
    Expected{"VERSION", "version text ", ""},
};

std::string_view type_name(ColumnType type) {
  switch (type) {
    case ColumnType::kBytea:
      return "bytea";
    case ColumnType::kInt8:
      return "int8";
    case ColumnType::kInt4:
      return "int4";
    case ColumnType::kText:
      return "text";
    case ColumnType::kNumeric:
      return "numeric";
  }
  return "?";
}

std::string columns_text(const std::vector<Column>& columns) {
  std::string text;
  for (const Column& column : columns) {
    text += std::string(column.name) + ' ' + std::string(type_name(column.type)) + ' ';
  }
  return text;
}

TEST_CASE("columns are PgBouncer's, in its order and with its types, then ours") {
  for (const Expected& expected : kExpected) {
    CAPTURE(expected.subject);
    const auto subject = subject_named(expected.subject);
    REQUIRE(subject);
    CHECK(columns_text(columns_of(*subject)) ==
          std::string(expected.pgbouncer) + std::string(expected.own));
  }
}

TEST_CASE("every subject but FDS and HELP has columns, and rows as wide as them") {
  ConsolePicture picture;
  stats::WorkerSnapshot worker;
  stats::ClientRow& client = worker.clients.emplace_back();
  client.state = stats::ClientState::kActive;
  client.pinned_since = 1;
  worker.clients.emplace_back().state = stats::ClientState::kWaiting;
  worker.servers.emplace_back();
  worker.pools.emplace_back();
  worker.databases.push_back({"shop", {}});
  worker.memory.emplace_back();
  worker.routes.emplace_back();
  worker.pins.emplace_back();
  picture.workers.push_back(worker);
  picture.databases.emplace_back().name = "shop";
  picture.topology.emplace_back().cluster = "main";
  picture.users.emplace_back().name = "alice";
  picture.config.emplace_back().key = "pool_size";
  picture.hba.emplace_back().file = "hba";
  picture.prepared.emplace_back().id = 7;
  picture.dns_hosts.emplace_back().hostname = "rdb-01";
  picture.prepared.emplace_back();
  for (const SubjectName& entry : subject_names()) {
    CAPTURE(entry.name);
    const bool has_table = entry.subject != Subject::kFds && entry.subject != Subject::kHelp;
    const ResultTable table = build_table(entry.subject, picture);
    CHECK(table.columns.empty() != has_table);
    for (const Row& row : table.rows) CHECK(row.size() == table.columns.size());
    const bool always_empty =
        entry.subject == Subject::kPeers || entry.subject == Subject::kPeerPools ||
        entry.subject == Subject::kDnsZones || entry.subject == Subject::kActiveSockets;
    CHECK(table.rows.empty() == (always_empty || !has_table));
  }
}

}  // namespace
}  // namespace pgsaba::admin
