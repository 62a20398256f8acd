// WorkerSnapshot: what a worker tells about itself when asked. Built by the worker between two
// turns, moved to the control thread by mail, and read there only: plain values, no pointers into
// the worker. Points in time are wall-clock microseconds, durations microseconds.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pgsaba/base/clock.h"
#include "pgsaba/stats/traffic_times.h"
#include "pgsaba/stats/traffic_totals.h"

namespace pgsaba::stats {

enum class ClientState : std::uint8_t {
  kLogin,    // not yet past authentication
  kIdle,     // holds no server
  kActive,   // holds a server
  kWaiting,  // queued for one
  kActiveCancelRequest,
  kWaitingCancelRequest,
};

enum class ServerState : std::uint8_t {
  kLogin,
  kIdle,
  kActive,         // lent to a client
  kUsed,           // idle for long, to be checked before its next use
  kTested,         // being checked or reset
  kActiveCancel,   // carries a cancel request to PostgreSQL
  kBeingCanceled,  // kept back until the cancel requests aimed at it are through
};

// How much a snapshot holds; each includes what stands before it. A row of a connection costs the
// worker some microseconds, so ten thousand clients are listed only for who wants to see them.
enum class Detail : std::uint8_t { kSums, kServers, kClients };

enum class Replication : std::uint8_t { kNone, kLogical, kPhysical };

// What a client's and a server's connection have in common.
struct ConnectionRow {
  std::string user;      // empty before login
  std::string database;  // empty before login
  Replication replication = Replication::kNone;
  std::string peer_address;  // numeric host; "unix" for a Unix socket
  std::uint16_t peer_port = 0;
  std::string local_address;
  std::uint16_t local_port = 0;
  Micros connect_time = 0;
  Micros request_time = 0;  // when the running request came, or the last one ended
  bool close_needed = false;
  std::uint64_t ptr = 0;         // names the connection in the log and in `link`
  std::uint64_t link = 0;        // ptr of the connection at the other side; 0: none
  std::uint32_t remote_pid = 0;  // of a server: its backend; of a Unix client: its process
  std::string tls;               // "TLSv1.3/TLS_AES_256_GCM_SHA384/ECDH=X25519"; empty without
  std::string application_name;
  std::uint32_t prepared_statement_count = 0;
  // What KILL_CLIENT takes. Unique among the living and below 2^31: the column is an int4.
  std::uint64_t id = 0;
  std::uint32_t receive_buffered_bytes = 0;
  std::uint32_t send_buffered_bytes = 0;
};

struct ClientRow : ConnectionRow {
  ClientState state = ClientState::kLogin;
  Micros wait_us = 0;       // how long it has waited so far; 0 unless waiting
  std::string reason;       // why it waits, or what pins its server; else empty
  Micros pinned_since = 0;  // 0: it is not pinned
  Micros pinned_idle_us = 0;
  std::string pinned_server;  // its name in the configuration
};

struct ServerRow : ConnectionRow {
  ServerState state = ServerState::kLogin;
  std::string server;      // its name in the configuration
  std::string reason;      // what pins it, or whose it is that belongs to no pool; else empty
  bool takes_slot = true;  // counts against the limits on server connections
};

// How many clients of a user a database has in one worker.
struct ClientCount {
  std::string database;
  std::string user;
  std::uint32_t clients = 0;
  bool consoles = false;  // whatever their database is called
};

// One pool of one worker.
struct PoolRow {
  std::string database;
  std::string user;
  std::string server;
  std::uint32_t cl_active = 0;  // with or without a server, but not waiting
  std::uint32_t cl_waiting = 0;
  std::uint32_t cl_active_cancel_req = 0;
  std::uint32_t cl_waiting_cancel_req = 0;
  std::uint32_t sv_active = 0;
  std::uint32_t sv_active_cancel = 0;
  std::uint32_t sv_being_canceled = 0;
  std::uint32_t sv_idle = 0;
  std::uint32_t sv_used = 0;
  std::uint32_t sv_tested = 0;
  std::uint32_t sv_login = 0;
  Micros maxwait_us = 0;  // of the client that has waited longest
  std::string pool_mode;  // "session", "transaction" or "statement"
};

struct DatabaseStats {
  std::string database;
  TrafficTotals totals;
  TrafficTimes times = {};
};

// Leases of a database whose reads are split, by where they went and why.
struct RouteRow {
  std::string database;
  bool on_standby = false;
  std::string reason;
  std::uint64_t count = 0;
  std::uint64_t waited = 0;   // of those: waited for a standby first
  std::uint64_t wait_us = 0;  // how long, all together
};

// A prepared statement of clients, shared by text.
struct PreparedRow {
  std::uint32_t id = 0;
  std::string query;  // its beginning
  std::uint64_t bytes = 0;
  std::uint32_t names = 0;  // that clients have for it
};

// Of a prepared statement, what the servers of one worker have.
struct PreparedCopies {
  std::uint32_t id = 0;
  std::uint32_t servers = 0;
  std::uint64_t hits = 0;  // how often it was needed there and was there
};

// What clients of a database have kept servers for.
struct PinRow {
  std::string database;
  std::string reason;
  std::uint64_t pinned = 0;  // clients that keep one now
  std::uint64_t taken = 0;
  std::uint64_t kept_us = 0;  // all together, of those that have ended
  std::uint64_t waited = 0;   // for leave to keep one
  std::uint64_t wait_us = 0;
  std::uint64_t refused = 0;
};

// How much all prepared statements may take, and what did not fit.
struct PreparedBounds {
  std::uint64_t limit_bytes = 0;  // 0: no limit
  std::uint64_t refused = 0;      // statements, so far
};

// What a cache or a block pool holds.
struct MemoryRow {
  std::string name;
  std::uint32_t entry_bytes = 0;
  std::uint32_t used = 0;  // entries
  std::uint32_t free = 0;  // entries
};

// How handshakes of TLS ended: "full", "resumed", or failed, and why.
struct HandshakeRow {
  bool to_servers = false;
  std::string result;
  std::string reason;  // empty unless it failed
  std::uint64_t count = 0;
};

// Logins that came to nothing, by what was asked for and why.
struct RefusedLoginRow {
  std::string method;
  std::string reason;
  std::uint64_t count = 0;
};

// Errors that clients were told, by SQLSTATE: our own, or those of servers.
struct ErrorRow {
  bool of_servers = false;
  std::string sqlstate;
  std::uint64_t count = 0;
};

// Cancel requests for clients of another process.
struct PeerRow {
  std::uint32_t peer_id = 0;
  std::uint32_t active = 0;   // on their way
  std::uint32_t waiting = 0;  // for a connection
};

struct WorkerSnapshot {
  std::uint32_t worker = 0;
  Micros time = 0;
  std::uint32_t login_clients = 0;      // not yet past authentication
  std::uint64_t clients_moved_in = 0;   // from another process, so far
  std::uint64_t clients_moved_out = 0;  // to another one
  std::vector<ClientCount> accounts;    // all others, consoles among them
  std::vector<ServerRow> servers;       // from Detail::kServers on
  std::vector<ClientRow> clients;       // with Detail::kClients; those that log in are among them
  std::vector<PoolRow> pools;
  std::vector<DatabaseStats> databases;
  std::vector<RouteRow> routes;
  std::vector<PinRow> pins;
  std::vector<MemoryRow> memory;
  std::vector<PreparedCopies> prepared;
  std::vector<HandshakeRow> handshakes;
  std::vector<RefusedLoginRow> refused_logins;
  std::vector<ErrorRow> errors;
  std::vector<PeerRow> peers;
  std::uint64_t peer_cancels_dropped = 0;  // so far
};

}  // namespace pgsaba::stats
