#include "pgsaba/pool/dedicated_servers.h"

#include <vector>

#include "pgsaba/pool/pool.h"
#include "pgsaba/wire/sqlstate.h"

namespace pgsaba::pool {

using server::CloseReason;
using server::DedicatedConnection;

DedicatedServers::~DedicatedServers() { close_all(CloseReason::kShutdown); }

void DedicatedServers::request(DedicatedClient& client) {
  client.dedicated_since = pool_.host().turn().now;
  pool_.host().needs_match(pool_);  // from now on there is something to look after
  if (waiters_.empty() && open(client)) return;
  waiters_.push_back(client);
}

// False if there is no room for it now.
bool DedicatedServers::open(DedicatedClient& client) {
  if (pool_.paused()) return false;
  SlotRefusal refusal = pool_.take_slot();
  if (refusal != SlotRefusal::kNone && pool_.evict_idle()) refusal = pool_.take_slot();
  if (refusal != SlotRefusal::kNone) {
    pool_.host().short_of_slots(pool_, refusal);
    return false;
  }
  connect(client);
  return true;
}

void DedicatedServers::connect(DedicatedClient& client) {
  server::ServerTarget target = pool_.target();
  target.startup = client.startup_parameters();
  auto server = std::make_unique<DedicatedConnection>(
      pool_.host().turn(), client, std::make_shared<const server::ServerTarget>(std::move(target)),
      pool_.host().scram_keys(), pool_.host().next_id());
  DedicatedConnection& opened = *server;
  owned_.emplace(&opened, std::move(server));
  const net::Address address = pool_.next_address();
  const Status connecting = opened.open_connection(address, pool_.policy().socket);
  if (connecting.ok()) return client.dedicated_opened(opened);
  give_back(opened);
  client.dedicated_refused(pool_.connect_error(address, connecting.error().message));
}

void DedicatedServers::open_waiting() {
  while (!waiters_.empty()) {
    DedicatedClient& client = waiters_.pop_front();
    if (open(client)) continue;
    return waiters_.push_front(client);
  }
}

void DedicatedServers::tick(Micros now) {
  open_waiting();
  expire(now);
}

// A login waits as long for room as for the server: server_connect bounds both.
void DedicatedServers::expire(Micros now) {
  const Micros limit = pool_.policy().server_connect_us;
  if (limit == 0) return;
  while (!waiters_.empty() && now - waiters_.front().dedicated_since >= limit)
    waiters_.pop_front().dedicated_refused(pool_.room_error());
  std::vector<DedicatedConnection*> late;
  for (const auto& [server, owned] : owned_)
    if (server->state() == DedicatedConnection::State::kLogin && now - server->opened_at() >= limit)
      late.push_back(server);
  for (DedicatedConnection* server : late) server->lose(CloseReason::kConnectTimeout);
}

// It is destroyed when the turn ends: its own `step` may be running.
void DedicatedServers::give_back(DedicatedConnection& server) {
  server.shut();
  pool_.host().turn().dead.push_back(std::move(owned_.extract(&server).mapped()));
  pool_.give_slot();
}

void DedicatedServers::close_all(CloseReason reason) {
  while (!owned_.empty()) owned_.begin()->first->lose(reason);  // its client gives it back
}

}  // namespace pgsaba::pool
