// The part of Worker that describes itself, for the admin console and the metrics.
#include <algorithm>
#include <array>
#include <map>
#include <unordered_map>

#include "pgsaba/worker/worker.h"
#include "worker/cancel_desk.h"
#include "worker/found_secrets.h"
#include "worker/listen_desk.h"
#include "worker/listing.h"
#include "worker/peer_desk.h"

namespace pgsaba::worker {
namespace {

using session::ClientSession;
using session::Phase;
using Place = pool::Pool::Place;

constexpr int kListedPerTurn = 64;  // clients, at some microseconds each

stats::ClientState state_of(const ClientSession& client) {
  switch (client.state()) {
    case ClientSession::State::kParked:
    case ClientSession::State::kWaiting:
      return stats::ClientState::kWaiting;
    case ClientSession::State::kBegun:
    case ClientSession::State::kMatching:
    case ClientSession::State::kLinked:
    case ClientSession::State::kSettling:
    case ClientSession::State::kDoubt:
    case ClientSession::State::kOrphaned:
    case ClientSession::State::kRelay:
    case ClientSession::State::kConsole:
      return stats::ClientState::kActive;
    case ClientSession::State::kIdle:
    case ClientSession::State::kLeaving:
    case ClientSession::State::kArriving:
      return stats::ClientState::kIdle;
    default:
      return stats::ClientState::kLogin;
  }
}

std::string_view mode_name(config::PoolMode mode) {
  switch (mode) {
    case config::PoolMode::kSession:
      return "session";
    case config::PoolMode::kTransaction:
      return "transaction";
    case config::PoolMode::kStatement:
      return "statement";
  }
  return "?";
}

// Turns a point on the monotonic clock into wall-clock time.
Micros wall_time(Micros monotonic, Micros now) {
  return monotonic == 0 ? 0 : wall_clock_now() - (now - monotonic);
}

void add_addresses(stats::ConnectionRow& row, net::Network& network, net::Socket socket,
                   const net::Address& peer) {
  const net::Address local = network.local_address(socket);
  row.peer_address = peer.is_unix() ? "unix" : peer.host();
  row.peer_port = peer.is_unix() ? 0 : peer.port();
  row.local_address = local.is_unix() ? "unix" : local.host();
  row.local_port = local.is_unix() ? 0 : local.port();
}

std::string tls_text(const net::Connection& connection) {
  return connection.tls() != nullptr ? connection.tls()->description() : std::string();
}

stats::ClientRow client_row(const ClientSession& client, net::Turn& turn) {
  stats::ClientRow row;
  row.user = client.user();
  row.database = client.database();
  add_addresses(row, turn.network, client.socket(), client.peer());
  row.tls = tls_text(client);
  row.connect_time = wall_time(client.connected_at(), turn.now);
  const Micros asked_at = client.request_at();
  row.request_time = wall_time(asked_at != 0 ? asked_at : client.idle_since(), turn.now);
  row.ptr = row.id = client.id();
  if (const server::ServerConnection* server = client.server()) {
    row.link = server->id();
    row.remote_pid = server->login().cancel_key().pid;
  }
  row.replication = client.replication();
  if (const server::DedicatedConnection* own = client.dedicated()) {
    row.link = own->id();
    row.remote_pid = own->login().cancel_key().pid;
  }
  if (const std::string* name = server::find_setting(client.settings(), "application_name"))
    row.application_name = *name;
  row.prepared_statement_count = static_cast<std::uint32_t>(client.prepared_statement_count());
  row.state = state_of(client);
  if (row.state == stats::ClientState::kWaiting) {
    row.wait_us = turn.now - client.waiting_since;
    row.reason = client.waits_for_pin()
                     ? "waits to keep a server connection: " + client.waits_to_keep().describe()
                     : "waits for a server connection";
  }
  if (client.pins().any() && client.server() != nullptr) {
    row.reason = "pinned: " + client.pins().describe();
    row.pinned_since = wall_time(client.pinned_at(), turn.now);
    row.pinned_idle_us = client.at_rest() ? turn.now - client.idle_since() : 0;
    row.pinned_server = client.server()->target().name;
  }
  return row;
}

stats::ServerState state_of(const server::ServerConnection& server) {
  switch (static_cast<Place>(server.place)) {
    case Place::kOpening:
      return stats::ServerState::kLogin;
    case Place::kIdle:
      return stats::ServerState::kIdle;
    case Place::kLent:
      return stats::ServerState::kActive;
    case Place::kResting:
      return server.cancels_in_flight > 0 ? stats::ServerState::kBeingCanceled
                                          : stats::ServerState::kTested;
  }
  return stats::ServerState::kIdle;
}

// What is true of every connection to a server, whoever it belongs to.
stats::ServerRow server_row(const server::ServerConnection& server, net::Turn& turn) {
  stats::ServerRow row;
  row.server = server.target().name;
  add_addresses(row, turn.network, server.socket(), server.address());
  row.tls = tls_text(server);
  row.connect_time = wall_time(server.opened_at(), turn.now);
  row.request_time = wall_time(server.idle_since, turn.now);
  row.close_needed = server.close_when_released;
  row.ptr = row.id = server.id();
  row.remote_pid = server.login().cancel_key().pid;
  row.prepared_statement_count = static_cast<std::uint32_t>(server.prepared_statement_count());
  return row;
}

stats::ServerRow server_row(const server::ServerConnection& server, const pool::Pool& pool,
                            net::Turn& turn) {
  stats::ServerRow row = server_row(server, turn);
  row.user = pool.key().user;
  row.database = pool.key().database;
  row.state = state_of(server);
  if (const std::string* name = server::find_setting(server.settings(), "application_name"))
    row.application_name = *name;
  if (const auto* client = static_cast<const ClientSession*>(server.holder())) {
    row.link = client->id();
    if (client->pins().any()) row.reason = "pinned: " + client->pins().describe();
  }
  return row;
}

// It serves clients, and nobody can have it: active, as PgBouncer calls a server in use, though
// linked to no single client.
stats::ServerRow server_row(const SharedListener& listener, net::Turn& turn) {
  const server::ServerConnection& server = *listener.server();
  stats::ServerRow row = server_row(server, turn);
  row.request_time = row.connect_time;
  row.state = server.state() == server::ServerConnection::State::kLogin
                  ? stats::ServerState::kLogin
                  : stats::ServerState::kActive;
  row.application_name = kListenerName;
  row.reason = "listens to " + std::to_string(listener.channels()) + " channels for " +
               std::to_string(listener.clients()) + " clients";
  row.takes_slot = false;
  return row;
}

stats::ServerRow server_row(const ClientSession& client, net::Turn& turn) {
  const server::DedicatedConnection& server = *client.dedicated();
  stats::ServerRow row;
  row.user = server.target().user;
  row.database = client.database();
  row.server = server.target().name;
  row.replication = client.replication();
  add_addresses(row, turn.network, server.socket(), server.address());
  row.tls = tls_text(server);
  row.connect_time = row.request_time = wall_time(server.opened_at(), turn.now);
  row.ptr = row.id = server.id();
  row.link = client.id();
  row.remote_pid = server.login().cancel_key().pid;
  row.reason = "belongs to a replication client";
  row.state = server.state() == server::DedicatedConnection::State::kLogin
                  ? stats::ServerState::kLogin
                  : stats::ServerState::kActive;
  if (const std::string* name = server::find_setting(client.settings(), "application_name"))
    row.application_name = *name;
  return row;
}

void count_servers(stats::PoolRow& row, pool::Pool& pool) {
  const auto at = [&](Place place) {
    return static_cast<std::uint32_t>(pool.servers_at(place).size());
  };
  row.sv_login = at(Place::kOpening);
  row.sv_idle = at(Place::kIdle);
  row.sv_active = at(Place::kLent);
  pool.servers_at(Place::kResting).for_each([&](server::ServerConnection& server) {
    ++(server.cancels_in_flight > 0 ? row.sv_being_canceled : row.sv_tested);
  });
  pool.dedicated().for_each([&](const server::DedicatedConnection& server) {
    const bool login = server.state() == server::DedicatedConnection::State::kLogin;
    ++(login ? row.sv_login : row.sv_active);
  });
}

stats::PoolRow pool_row(pool::Pool& pool, Micros now) {
  stats::PoolRow row;
  row.database = pool.key().database;
  row.user = pool.key().user;
  row.server = pool.target().name;
  row.cl_waiting = static_cast<std::uint32_t>(pool.waiters().size() + pool.pin_waiters().size());
  count_servers(row, pool);
  row.maxwait_us = pool.longest_wait(now);
  row.pool_mode = mode_name(pool.policy().settings.pool_mode);
  return row;
}

void add_servers(stats::WorkerSnapshot& shot, pool::Pool& pool, net::Turn& turn) {
  for (const Place place : {Place::kOpening, Place::kIdle, Place::kLent, Place::kResting})
    pool.servers_at(place).for_each([&](server::ServerConnection& server) {
      shot.servers.push_back(server_row(server, pool, turn));
    });
}

void add_prepared(stats::WorkerSnapshot& shot, pool::Pool& pool,
                  std::unordered_map<std::uint32_t, std::size_t>& places) {
  for (const Place place : {Place::kIdle, Place::kLent, Place::kResting})
    pool.servers_at(place).for_each([&](server::ServerConnection& server) {
      server.statements().for_each([&](std::uint32_t id, std::uint64_t hits) {
        const auto [at, is_new] = places.try_emplace(id, shot.prepared.size());
        if (is_new) shot.prepared.push_back({.id = id});
        ++shot.prepared[at->second].servers;
        shot.prepared[at->second].hits += hits;
      });
    });
}

void add_routes(stats::WorkerSnapshot& shot, const std::string& database,
                const routing::LeaseCounts& counts) {
  for (std::size_t number = 0; number < routing::kLeaseReasons; ++number) {
    const auto reason = static_cast<routing::LeaseReason>(number);
    const routing::LeaseCount& count = counts.of(reason);
    if (count.leases == 0) continue;
    shot.routes.push_back({.database = database,
                           .on_standby = routing::is_on_standby(reason),
                           .reason = std::string(routing::text_of(reason)),
                           .count = count.leases,
                           .waited = count.waited,
                           .wait_us = count.wait_us});
  }
}

void add_pins(stats::WorkerSnapshot& shot, const std::string& database,
              const session::PinCounts& counts) {
  for (std::size_t i = 0; i < session::kPinReasons; ++i) {
    const session::PinCount& count = counts.of(static_cast<session::PinReason>(i));
    if (!count.any()) continue;
    shot.pins.push_back({.database = database,
                         .reason = session::Pins::describe_pins(static_cast<std::uint8_t>(1U << i)),
                         .pinned = count.taken - count.ended,
                         .taken = count.taken,
                         .kept_us = count.kept_us,
                         .waited = count.waited,
                         .wait_us = count.wait_us,
                         .refused = count.refused});
  }
}

}  // namespace

// As PgBouncer sees a cancel request: a client of the pool, which waits or has a connection to a
// server.
void Worker::count_cancels(stats::WorkerSnapshot& shot) {
  const auto row_of = [&](const pool::Pool* pool) -> stats::PoolRow* {
    if (pool == nullptr) return nullptr;
    const pool::PoolKey& key = pool->key();
    const auto found = std::ranges::find_if(shot.pools, [&](const stats::PoolRow& row) {
      return row.database == key.database && row.user == key.user &&
             row.server == pool->target().name;
    });
    return found == shot.pools.end() ? nullptr : &*found;
  };
  cancel_desk_->visit([&](const pool::PoolKey& key, bool on_its_way) {
    stats::PoolRow* row = row_of(find_pool(key));
    if (row == nullptr) return;
    (on_its_way ? row->cl_active_cancel_req : row->cl_waiting_cancel_req) += 1;
    if (on_its_way) ++row->sv_active_cancel;
  });
}

void Worker::on_mail(SnapshotRequest& mail) {
  if (mail.detail != stats::Detail::kClients) return mail.answer(snapshot(mail.detail));
  Listing listing;
  listing.answer = std::move(mail.answer);
  for (const auto& [id, client] : clients_) listing.clients.push_back(id);
  listings_.push_back(std::move(listing));
}

// Some per turn: queries must not wait until thousands of clients are described.
void Worker::list_clients() {
  Listing& listing = listings_.front();
  for (int i = 0; i < kListedPerTurn && !listing.clients.empty(); ++i) {
    const ClientSession* client = find_client(listing.clients.back());
    listing.clients.pop_back();
    if (client != nullptr) listing.rows.push_back(client_row(*client, turn_));
  }
  if (!listing.clients.empty()) return;
  stats::WorkerSnapshot shot = snapshot(stats::Detail::kServers);
  shot.clients = std::move(listing.rows);
  listing.answer(std::move(shot));
  listings_.pop_front();
}

// Of each account: all, without those that wait for a server.
std::map<const pool::Pool*, std::uint32_t> Worker::count_clients(stats::WorkerSnapshot& shot) {
  std::map<const pool::Pool*, std::uint32_t> active;
  shot.login_clients = static_cast<std::uint32_t>(sessions_in(Phase::kLogin).size());
  for (const auto& [key, account] : accounts_) {
    const auto clients = static_cast<std::uint32_t>(account->clients);
    if (clients == 0) continue;
    shot.accounts.push_back({account->database, account->user, clients});
    if (account->pool != nullptr) active[account->pool] += clients;
  }
  sessions_in(Phase::kWaiting).for_each([&](const ClientSession& client) {
    const session::Account* account = client.account();
    if (account != nullptr && account->pool != nullptr) --active[account->pool];
  });
  sessions_in(Phase::kConsole).for_each([&](const ClientSession& console) {
    shot.accounts.push_back({console.database(), console.user(), 1, true});
  });
  return active;
}

// What says how clients are let in, and what they are told.
void Worker::add_access(stats::WorkerSnapshot& shot) {
  for (const bool to_servers : {false, true}) {
    const net::HandshakeCounts& counts = turn_.handshakes.counts(to_servers);
    shot.handshakes.push_back({to_servers, "full", "", counts.full});
    shot.handshakes.push_back({to_servers, "resumed", "", counts.resumed});
    for (std::size_t i = 1; i < net::kTlsFailures; ++i)
      shot.handshakes.push_back({to_servers, "failed",
                                 std::string(text_of(static_cast<net::TlsFailure>(i))),
                                 counts.failed[i]});
  }
  for (const auto& [why, count] : refused_logins_)
    shot.refused_logins.push_back({std::string(why.first), std::string(why.second), count});
  for (const auto& [sqlstate, count] : errors_told_.counts())
    shot.errors.push_back({false, sqlstate, count});
  for (const auto& [sqlstate, count] : server_errors_.counts())
    shot.errors.push_back({true, sqlstate, count});
}

stats::WorkerSnapshot Worker::snapshot(stats::Detail detail) {
  stats::WorkerSnapshot shot;
  add_access(shot);
  shot.worker = static_cast<std::uint32_t>(index_);
  shot.time = wall_clock_now();
  shot.clients_moved_in = moved_in_;
  shot.clients_moved_out = moved_out_;
  shot.peers = peer_desk_->rows();
  shot.peer_cancels_dropped = peer_desk_->dropped();
  const std::map<const pool::Pool*, std::uint32_t> active = count_clients(shot);
  std::map<std::string, stats::TrafficTotals> totals = retired_totals_;
  std::map<std::string, stats::TrafficTimes> times = retired_times_;
  std::unordered_map<std::uint32_t, std::size_t> prepared;
  for (const auto& [key, pool] : pools_) {
    shot.pools.push_back(pool_row(*pool, turn_.now));
    const auto clients = active.find(pool.get());
    if (clients != active.end()) shot.pools.back().cl_active = clients->second;
    totals[key.database] += pool->totals();
    times[key.database] += pool->times();
    if (detail == stats::Detail::kSums) continue;
    add_servers(shot, *pool, turn_);
    add_prepared(shot, *pool, prepared);
  }
  count_cancels(shot);
  for (auto& [database, sum] : totals) shot.databases.push_back({database, sum, times[database]});
  for (const auto& [database, counts] : lease_counts_) add_routes(shot, database, counts);
  for (const auto& [database, counts] : pin_counts_) add_pins(shot, database, counts);
  shot.memory.push_back({"found_secrets", static_cast<std::uint32_t>(FoundSecrets::kEntryBytes),
                         static_cast<std::uint32_t>(found_secrets_->size()), 0});
  if (detail == stats::Detail::kSums) return shot;
  sessions_in(Phase::kRelay).for_each([&](const ClientSession& client) {
    if (client.dedicated() != nullptr) shot.servers.push_back(server_row(client, turn_));
  });
  listen_desk_->visit([&](const auto& database, const auto& user, const SharedListener& listener) {
    if (listener.server() == nullptr) return;
    shot.servers.push_back(server_row(listener, turn_));
    shot.servers.back().database = database;
    shot.servers.back().user = user;
  });
  return shot;
}

}  // namespace pgsaba::worker
