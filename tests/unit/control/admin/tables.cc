#include "control/admin/tables.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <ctime>

namespace pgsaba::admin {
namespace {

// The cell of a row by its column's name; "NULL" for none.
std::string at(const ResultTable& table, std::size_t row, std::string_view name) {
  for (std::size_t index = 0; index < table.columns.size(); ++index) {
    if (table.columns[index].name == name) return table.rows.at(row).at(index).value_or("NULL");
  }
  return "no such column";
}

// In a table of names and values.
std::string value_of(const ResultTable& table, std::string_view name) {
  for (const Row& row : table.rows)
    if (row[0] == name) return row[1].value_or("NULL");
  return "none";
}

stats::PoolRow pool(std::string database, std::string user, std::string server) {
  stats::PoolRow row;
  row.database = std::move(database);
  row.user = std::move(user);
  row.server = std::move(server);
  row.pool_mode = "transaction";
  return row;
}

ConsolePicture two_workers() {
  ConsolePicture picture;
  picture.version = "0.1.0";
  picture.workers.resize(2);
  picture.workers[1].worker = 1;
  return picture;
}

TEST_CASE("SHOW PINS has the clients that keep a server, and nobody else") {
  ::setenv("TZ", "UTC", 1);
  ::tzset();
  ConsolePicture picture = two_workers();
  stats::ClientRow client;
  client.id = 7;
  client.database = "shop";
  client.user = "alice";
  client.state = stats::ClientState::kActive;
  picture.workers[0].clients = {client};  // it merely has one
  client.id = 8;
  client.remote_pid = 4711;
  client.reason = "pinned: advisory locks";
  client.pinned_since = 86'400 * kSecond;
  client.pinned_idle_us = 1'500;
  client.pinned_server = "rdb-01";
  picture.workers[1].clients = {client};

  const ResultTable table = build_table(Subject::kPins, picture);
  REQUIRE(table.rows.size() == 1);
  CHECK(at(table, 0, "id") == "8");
  CHECK(at(table, 0, "database") == "shop");
  CHECK(at(table, 0, "user") == "alice");
  CHECK(at(table, 0, "server") == "rdb-01");
  CHECK(at(table, 0, "remote_pid") == "4711");
  CHECK(at(table, 0, "reason") == "pinned: advisory locks");
  CHECK(at(table, 0, "since") == "1970-01-02 00:00:00 UTC");
  CHECK(at(table, 0, "idle_us") == "1500");
  CHECK(at(table, 0, "worker") == "1");
}

TEST_CASE("SHOW PIN_TOTALS sums workers") {
  ConsolePicture picture = two_workers();
  picture.workers[0].pins = {{"shop", "LISTEN", 1, 5, 100, 2, 30, 1},
                             {"blog", "LISTEN", 0, 1, 10, 0, 0, 0}};
  picture.workers[1].pins = {{"shop", "LISTEN", 1, 6, 200, 3, 40, 2}};
  const ResultTable table = build_table(Subject::kPinTotals, picture);
  REQUIRE(table.rows.size() == 2);
  CHECK(at(table, 0, "database") == "blog");
  CHECK(at(table, 1, "reason") == "LISTEN");
  CHECK(at(table, 1, "pinned") == "2");
  CHECK(at(table, 1, "total_pins") == "11");
  CHECK(at(table, 1, "total_pinned_time") == "300");
  CHECK(at(table, 1, "total_waits") == "5");
  CHECK(at(table, 1, "total_wait_time") == "70");
  CHECK(at(table, 1, "total_refused") == "3");
}

TEST_CASE("SHOW PREPARED has the statements of clients, and what all servers know of them") {
  ConsolePicture picture = two_workers();
  picture.prepared = {{7, "select 'é'", 400, 3}, {5, "select 2", 300, 0}};
  picture.workers[0].prepared = {{7, 2, 10}, {6, 1, 1}};
  picture.workers[1].prepared = {{7, 1, 5}};
  const ResultTable table = build_table(Subject::kPrepared, picture);
  REQUIRE(table.rows.size() == 2);
  CHECK(at(table, 0, "statement") == "_pgsaba_7");
  CHECK(at(table, 0, "query") == "select '?\?'");
  CHECK(at(table, 0, "bytes") == "400");
  CHECK(at(table, 0, "users") == "3");
  CHECK(at(table, 0, "servers") == "3");
  CHECK(at(table, 0, "hits") == "15");
  CHECK(at(table, 1, "servers") == "0");
}

TEST_CASE("SHOW POOLS sums workers and servers: one row a database and user") {
  ConsolePicture picture = two_workers();
  stats::PoolRow primary = pool("shop", "alice", "rdb-01");
  primary.cl_active = 5;
  primary.sv_active = 2;
  primary.sv_login = 1;
  primary.maxwait_us = 1'250'000;
  stats::PoolRow standby = pool("shop", "alice", "rdb-02");
  standby.sv_idle = 3;
  picture.workers[0].pools = {primary, standby};
  primary.maxwait_us = 10;
  picture.workers[1].pools = {primary, pool("blog", "bob", "rdb-01")};

  const ResultTable table = build_table(Subject::kPools, picture);
  REQUIRE(table.rows.size() == 3);
  CHECK(at(table, 0, "database") == "blog");
  CHECK(at(table, 1, "database") == "pgsaba");
  CHECK(at(table, 2, "database") == "shop");
  CHECK(at(table, 2, "user") == "alice");
  CHECK(at(table, 2, "cl_active") == "10");
  CHECK(at(table, 2, "sv_active") == "4");
  CHECK(at(table, 2, "sv_login") == "2");
  CHECK(at(table, 2, "sv_idle") == "3");
  CHECK(at(table, 2, "maxwait") == "1");
  CHECK(at(table, 2, "maxwait_us") == "250000");
  CHECK(at(table, 2, "pool_mode") == "transaction");
  CHECK(at(table, 2, "load_balance_hosts") == "NULL");
  CHECK(at(table, 2, "server") == "rdb-01,rdb-02");
}

TEST_CASE("SHOW SERVER_POOLS tells the servers of a pool apart") {
  ConsolePicture picture = two_workers();
  picture.workers[0].pools = {pool("shop", "alice", "rdb-01"), pool("shop", "alice", "rdb-02")};
  picture.workers[1].pools = {pool("shop", "alice", "rdb-02")};
  const ResultTable table = build_table(Subject::kServerPools, picture);
  REQUIRE(table.rows.size() == 3);
  CHECK(at(table, 1, "server") == "rdb-01");
  CHECK(at(table, 2, "server") == "rdb-02");
}

TEST_CASE("the console has a pool, whose clients are the consoles") {
  ConsolePicture picture = two_workers();
  picture.workers[0].worker = kControlThread;
  picture.workers[1].accounts = {
      {"pgsaba", "saba", 1}, {"pgsaba", "zabbix", 1}, {"shop", "saba", 3}};
  const ResultTable table = build_table(Subject::kPools, picture);
  REQUIRE(table.rows.size() == 1);
  CHECK(at(table, 0, "user") == "pgsaba");
  CHECK(at(table, 0, "cl_active") == "2");
  CHECK(at(table, 0, "pool_mode") == "statement");
  CHECK(at(table, 0, "server") == "NULL");
}

stats::ClientRow waiting_client() {
  stats::ClientRow client;
  client.user = "alice";
  client.database = "shop";
  client.state = stats::ClientState::kWaiting;
  client.peer_address = "10.0.0.7";
  client.peer_port = 40'000;
  client.local_address = "10.0.0.1";
  client.local_port = 6432;
  client.connect_time = 86'400 * kSecond;
  client.wait_us = 2'000'003;
  client.ptr = 0x7f00deadbeef;
  client.link = 0x10;
  client.id = 42;
  client.prepared_statement_count = 3;
  client.application_name = "web";
  client.reason = "no free server";
  return client;
}

TEST_CASE("SHOW CLIENTS") {
  ::setenv("TZ", "UTC", 1);
  ::tzset();
  ConsolePicture picture = two_workers();
  stats::ClientRow login;
  picture.workers[0].clients = {login};
  picture.workers[1].clients = {waiting_client()};
  const ResultTable table = build_table(Subject::kClients, picture);
  REQUIRE(table.rows.size() == 1);  // who is logging in belongs to no pool yet
  CHECK(at(table, 0, "type") == "C");
  CHECK(at(table, 0, "user") == "alice");
  CHECK(at(table, 0, "database") == "shop");
  CHECK(at(table, 0, "replication") == "none");
  CHECK(at(table, 0, "state") == "waiting");
  CHECK(at(table, 0, "addr") == "10.0.0.7");
  CHECK(at(table, 0, "port") == "40000");
  CHECK(at(table, 0, "local_addr") == "10.0.0.1");
  CHECK(at(table, 0, "local_port") == "6432");
  CHECK(at(table, 0, "connect_time") == "1970-01-02 00:00:00 UTC");
  CHECK(at(table, 0, "request_time").empty());
  CHECK(at(table, 0, "wait") == "2");
  CHECK(at(table, 0, "wait_us") == "3");
  CHECK(at(table, 0, "close_needed") == "0");
  CHECK(at(table, 0, "ptr") == "0x7f00deadbeef");
  CHECK(at(table, 0, "link") == "0x10");
  CHECK(at(table, 0, "application_name") == "web");
  CHECK(at(table, 0, "prepared_statements") == "3");
  CHECK(at(table, 0, "id") == "42");
  CHECK(at(table, 0, "worker") == "1");
  CHECK(at(table, 0, "reason") == "no free server");
}

TEST_CASE("states of clients and servers have PgBouncer's names") {
  ConsolePicture picture = two_workers();
  using Client = stats::ClientState;
  for (const Client state : {Client::kLogin, Client::kIdle, Client::kActive, Client::kWaiting,
                             Client::kActiveCancelRequest, Client::kWaitingCancelRequest}) {
    picture.workers[0].clients.emplace_back().state = state;
  }
  using Server = stats::ServerState;
  for (const Server state : {Server::kLogin, Server::kIdle, Server::kActive, Server::kUsed,
                             Server::kTested, Server::kActiveCancel, Server::kBeingCanceled}) {
    picture.workers[0].servers.emplace_back().state = state;
  }
  const auto states = [&picture](Subject subject) {
    const ResultTable table = build_table(subject, picture);
    std::string all;
    for (std::size_t row = 0; row < table.rows.size(); ++row) all += at(table, row, "state") + ' ';
    return all;
  };
  CHECK(states(Subject::kClients) == "idle active waiting active_cancel_req waiting_cancel_req ");
  CHECK(states(Subject::kServers) == "new idle active used tested active_cancel being_canceled ");
  CHECK(states(Subject::kSockets) ==
        "cl_login idle cl_active cl_waiting cl_active_cancel_req cl_waiting_cancel_req "
        "sv_login sv_idle sv_active sv_used sv_tested sv_active_cancel sv_being_canceled ");
  CHECK(states(Subject::kActiveSockets).empty());
}

TEST_CASE("SHOW SERVERS and the sockets with bytes in their buffers") {
  ConsolePicture picture = two_workers();
  stats::ServerRow server;
  server.server = "rdb-02";
  server.state = stats::ServerState::kActive;
  server.close_needed = true;
  server.remote_pid = 77;
  server.reason = "temporary table";
  server.send_buffered_bytes = 9;
  picture.workers[0].servers = {server, {}};
  const ResultTable servers = build_table(Subject::kServers, picture);
  REQUIRE(servers.rows.size() == 2);
  CHECK(at(servers, 0, "type") == "S");
  CHECK(at(servers, 0, "user") == "(nouser)");
  CHECK(at(servers, 0, "database") == "(nodb)");
  CHECK(at(servers, 0, "close_needed") == "1");
  CHECK(at(servers, 0, "remote_pid") == "77");
  CHECK(at(servers, 0, "server") == "rdb-02");
  CHECK(at(servers, 0, "reason") == "temporary table");
  const ResultTable active = build_table(Subject::kActiveSockets, picture);
  REQUIRE(active.rows.size() == 1);
  CHECK(at(active, 0, "send_avail") == "9");
  CHECK(at(active, 0, "worker") == "0");
}

TEST_CASE("a console's client has no worker") {
  ConsolePicture picture = two_workers();
  picture.workers[0].worker = kControlThread;
  picture.workers[0].clients = {waiting_client()};
  CHECK(at(build_table(Subject::kClients, picture), 0, "worker") == "NULL");
}

TEST_CASE("SHOW DATABASES, with the console and the connections of now") {
  ConsolePicture picture = two_workers();
  picture.listen_port = 6543;
  DatabaseInfo shop;
  shop.name = "shop";
  shop.host = "10.0.0.11,10.0.0.12";
  shop.database = "shop_production";
  shop.pool_size = 20;
  shop.server_lifetime_us = 3'600 * kSecond;
  shop.paused = true;
  shop.cluster = "rdb";
  shop.route = "split";
  picture.databases = {shop};
  picture.workers[0].accounts = {{"shop", "alice", 1}, {"shop", "bob", 1}};
  picture.workers[1].servers.emplace_back().database = "shop";
  picture.workers[1].servers.push_back(picture.workers[1].servers.back());
  picture.workers[1].servers.back().takes_slot = false;  // no limit counts it
  const ResultTable table = build_table(Subject::kDatabases, picture);
  REQUIRE(table.rows.size() == 2);
  CHECK(at(table, 0, "name") == "pgsaba");
  CHECK(at(table, 0, "host") == "NULL");
  CHECK(at(table, 0, "port") == "6543");
  CHECK(at(table, 0, "pool_mode") == "statement");
  CHECK(at(table, 1, "name") == "shop");
  CHECK(at(table, 1, "host") == "10.0.0.11,10.0.0.12");
  CHECK(at(table, 1, "database") == "shop_production");
  CHECK(at(table, 1, "force_user") == "NULL");
  CHECK(at(table, 1, "pool_size") == "20");
  CHECK(at(table, 1, "server_lifetime") == "3600");
  CHECK(at(table, 1, "pool_mode") == "NULL");
  CHECK(at(table, 1, "current_connections") == "1");
  CHECK(at(table, 1, "current_client_connections") == "2");
  CHECK(at(table, 1, "paused") == "1");
  CHECK(at(table, 1, "disabled") == "0");
  CHECK(at(table, 1, "route") == "split");
}

TEST_CASE("SHOW USERS writes sizes as padded text, as PgBouncer does") {
  ConsolePicture picture = two_workers();
  UserInfo alice;
  alice.name = "alice";
  alice.pool_size = 12;
  alice.max_user_client_connections = 7;
  picture.users = {alice};
  picture.workers[0].accounts = {{"shop", "alice", 1}, {"shop", "bob", 5}};
  const ResultTable table = build_table(Subject::kUsers, picture);
  REQUIRE(table.rows.size() == 1);
  CHECK(at(table, 0, "pool_size") == "       12");
  CHECK(at(table, 0, "reserve_pool_size").empty());
  CHECK(at(table, 0, "pool_mode") == "NULL");
  CHECK(at(table, 0, "max_user_client_connections") == "7");
  CHECK(at(table, 0, "current_client_connections") == "1");
  CHECK(at(table, 0, "current_connections") == "0");
}

TEST_CASE("SHOW CONFIG") {
  ConsolePicture picture;
  picture.config = {{"pool_size", "30", "20", true}, {"auth.file", std::nullopt, "", false}};
  const ResultTable table = build_table(Subject::kConfig, picture);
  CHECK(at(table, 0, "value") == "30");
  CHECK(at(table, 0, "default") == "20");
  CHECK(at(table, 0, "changeable") == "yes");
  CHECK(at(table, 1, "value") == "NULL");
  CHECK(at(table, 1, "changeable") == "no");
}

// Two workers with 10 and 20 transactions of "shop" after a period of a second, 0 before it.
ConsolePicture with_traffic() {
  ConsolePicture picture = two_workers();
  stats::TrafficTotals totals;
  totals.xact_count = 10;
  totals.bytes_received = 7;
  totals.xact_time_us = 1'000;
  picture.workers[0].databases = {{"shop", totals}};
  picture.workers[1].databases = {{"shop", totals + totals}};
  picture.averages.feed(0, {});
  picture.averages.feed(kSecond, totals_of(picture.workers));
  return picture;
}

TEST_CASE("SHOW STATS sums workers; averages follow totals") {
  const ConsolePicture picture = with_traffic();
  const ResultTable table = build_table(Subject::kStats, picture);
  REQUIRE(table.rows.size() == 2);
  CHECK(at(table, 0, "database") == "pgsaba");
  CHECK(at(table, 0, "total_xact_count") == "0");
  CHECK(at(table, 1, "database") == "shop");
  CHECK(at(table, 1, "total_xact_count") == "30");
  CHECK(at(table, 1, "total_received") == "21");
  CHECK(at(table, 1, "total_xact_time") == "3000");
  CHECK(at(table, 1, "avg_xact_count") == "30");
  CHECK(at(table, 1, "avg_recv") == "21");
  CHECK(at(table, 1, "avg_xact_time") == "100");
  CHECK(at(build_table(Subject::kStatsTotals, picture), 1, "xact_time") == "3000");
  CHECK(at(build_table(Subject::kStatsAverages, picture), 1, "xact_time") == "100");
}

TEST_CASE("SHOW TOTALS has PgBouncer's 24 names") {
  const ResultTable table = build_table(Subject::kTotals, with_traffic());
  REQUIRE(table.rows.size() == 24);
  CHECK(at(table, 0, "name") == "total_server_assignment_count");
  CHECK(at(table, 1, "name") == "total_xact_count");
  CHECK(at(table, 1, "value") == "30");
  CHECK(at(table, 3, "name") == "total_client_bytes");
  CHECK(at(table, 3, "value") == "21");
  CHECK(at(table, 8, "name") == "total_ps_client_parse_count");
  CHECK(at(table, 12, "name") == "avg_server_assignment_count");
  CHECK(at(table, 17, "name") == "avg_xact_time");
  CHECK(at(table, 17, "value") == "100");
  CHECK(at(table, 23, "name") == "avg_client_login_count");
}

TEST_CASE("SHOW TOPOLOGY has a row a server") {
  ::setenv("TZ", "UTC", 1);
  ::tzset();
  ConsolePicture picture;
  TopologyRow standby;
  standby.cluster = "rdb";
  standby.server = "rdb-02";
  standby.host = "10.0.0.12";
  standby.role = "standby";
  standby.state = "streaming";
  standby.timeline = 3;
  standby.position = 0x1'0A00'00FF;
  standby.lag_bytes = 512;
  standby.lag_us = 1'500;
  standby.fit_for_reads = true;
  standby.weight = 2;
  standby.started = 86'400 * kSecond;
  TopologyRow unknown;
  unknown.cluster = "rdb";
  unknown.server = "rdb-03";
  picture.topology = {standby, unknown};

  const ResultTable table = build_table(Subject::kTopology, picture);
  REQUIRE(table.rows.size() == 2);
  std::string all;
  for (const Row& row : table.rows)
    for (const Cell& value : row) all += value.value_or("NULL") + "|";
  CHECK(all ==
        "rdb|rdb-02|10.0.0.12|5432|standby|streaming|3|1/A0000FF|512|1500|yes|2|"
        "1970-01-02 00:00:00 UTC|no|"
        "rdb|rdb-03|NULL|5432|||NULL|NULL|NULL|NULL|no|1|NULL|no|");
}

TEST_CASE("SHOW ROUTES sums workers: standbys first, then by reason") {
  ConsolePicture picture = two_workers();
  picture.workers[0].routes = {{"shop", false, "locking clause", 3, 0, 0},
                               {"shop", true, "read", 10, 2, 500}};
  picture.workers[1].routes = {{"shop", true, "read", 5, 1, 250},
                               {"blog", false, "locking clause", 1, 0, 0}};
  const ResultTable table = build_table(Subject::kRoutes, picture);
  std::string all;
  for (const Row& row : table.rows) {
    for (const Cell& value : row) all += value.value_or("NULL") + "|";
    all += " ";
  }
  CHECK(all ==
        "blog|primary|locking clause|1|0|0| shop|standby|read|15|3|750| "
        "shop|primary|locking clause|3|0|0| ");
}

// What a table is made from must have been asked for.
TEST_CASE("no table is made from more than its detail says") {
  ConsolePicture whole = two_workers();
  stats::ClientRow client = waiting_client();
  client.pinned_since = 1;
  client.send_buffered_bytes = 1;
  whole.workers[0].clients = {client};
  whole.workers[0].accounts = {{"shop", "alice", 1}};
  whole.workers[0].servers.emplace_back().send_buffered_bytes = 1;
  whole.workers[0].pools.emplace_back();
  whole.workers[0].prepared = {{7, 2, 0}};
  whole.prepared.emplace_back().id = 7;
  whole.databases.emplace_back().name = "shop";
  whole.users.emplace_back().name = "alice";
  for (const SubjectName& entry : subject_names()) {
    if (entry.subject == Subject::kFds || entry.subject == Subject::kHelp) continue;
    CAPTURE(entry.name);
    ConsolePicture asked = whole;
    const stats::Detail detail = detail_for(entry.subject);
    if (detail != stats::Detail::kClients) asked.workers[0].clients.clear();
    if (detail == stats::Detail::kSums) {
      asked.workers[0].servers.clear();
      asked.workers[0].prepared.clear();
    }
    CHECK(build_table(entry.subject, asked).rows == build_table(entry.subject, whole).rows);
  }
}

TEST_CASE("SHOW LISTS has PgBouncer's rows, then ours") {
  ConsolePicture picture = two_workers();
  picture.databases.resize(3);
  picture.workers[0].login_clients = 2;
  picture.workers[1].accounts = {{"shop", "alice", 1}};
  picture.workers[1].servers.resize(4);
  picture.workers.emplace_back().worker = kControlThread;
  const ResultTable table = build_table(Subject::kLists, picture);
  std::string all;
  for (std::size_t row = 0; row < table.rows.size(); ++row) {
    all += at(table, row, "list") + "=" + at(table, row, "items") + " ";
  }
  CHECK(all ==
        "databases=4 users=0 peers=0 pools=1 peer_pools=0 free_clients=0 used_clients=3 "
        "login_clients=2 free_servers=0 used_servers=4 dns_names=0 dns_zones=0 dns_queries=0 "
        "dns_pending=0 workers=2 ");
}

TEST_CASE("SHOW MEM, DNS_HOSTS, STATE and VERSION") {
  ConsolePicture picture = two_workers();
  picture.workers[0].memory = {{"clients", 100, 2, 1}};
  picture.workers[1].memory = {{"clients", 100, 3, 0}};
  picture.dns_hosts = {{"rdb-01", 15 * kSecond, {"10.0.0.11", "fd00::1"}}};
  picture.state = ProcessState::kPaused;
  const ResultTable memory = build_table(Subject::kMem, picture);
  REQUIRE(memory.rows.size() == 1);
  CHECK(at(memory, 0, "used") == "5");
  CHECK(at(memory, 0, "memtotal") == "600");
  const ResultTable hosts = build_table(Subject::kDnsHosts, picture);
  CHECK(at(hosts, 0, "ttl") == "15");
  CHECK(at(hosts, 0, "addrs") == "10.0.0.11,fd00::1");
  picture.dns_hosts.push_back({"rdb-02", kSecond / 2, {}, true});
  CHECK(at(build_table(Subject::kDnsHosts, picture), 1, "ttl") == "1");
  const ResultTable lists = build_table(Subject::kLists, picture);
  CHECK(value_of(lists, "dns_names") == "2");
  CHECK(value_of(lists, "dns_queries") == "1");
  const ResultTable state = build_table(Subject::kState, picture);
  CHECK(at(state, 0, "key") == "active");
  CHECK(at(state, 0, "value") == "no");
  CHECK(at(state, 1, "key") == "paused");
  CHECK(at(state, 1, "value") == "yes");
  CHECK(at(state, 2, "value") == "no");
  CHECK(at(build_table(Subject::kVersion, picture), 0, "version") == "pgsaba 0.1.0");
}

}  // namespace
}  // namespace pgsaba::admin
