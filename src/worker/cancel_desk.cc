#include "worker/cancel_desk.h"

#include <algorithm>
#include <limits>

#include "pgsaba/base/log.h"
#include "pgsaba/session/client_session.h"
#include "worker/cancel_connection.h"
#include "worker/errors.h"
#include "worker/socket_options.h"

namespace pgsaba::worker {

using session::ClientSession;

CancelDesk::CancelDesk(Worker& worker) : worker_(worker) {}
CancelDesk::~CancelDesk() = default;

// The key is as worth hiding as what it is about, and as little.
template <class Server>
CancelDesk::Aim CancelDesk::aim_at(const Server& server) {
  Aim aim{server.id(), server.address(), {}, server.login().cancel_key()};
  if (server.tls() != nullptr) {
    aim.tls = server.target().tls;
    aim.tls.required = true;
  }
  return aim;
}

void CancelDesk::ask(ClientSession& client) {
  if (client.state() == ClientSession::State::kParked) return client.refused(errors::canceled());
  if (client.state() == ClientSession::State::kWaiting) {  // no server has its statement yet
    client.lease_pool()->leave(client);
    return client.refused(errors::canceled());
  }
  if (is_in_line(client)) return;
  const Micros now = worker_.turn().now;
  if (const server::DedicatedConnection* own = client.dedicated())
    return enqueue({client.id(), now, 0, {}, aim_at(*own)});
  if (client.holds_cancel()) return;
  const server::ServerConnection* server = client.cancel_target();
  if (server == nullptr || server->cancels_in_flight > 0) return;
  enqueue(
      {client.id(), now, client.batches_answered(), client.lease_pool()->key(), aim_at(*server)});
}

// With a request that still has its statement. One that came for an earlier one makes room.
bool CancelDesk::is_in_line(const ClientSession& client) {
  if (!in_line_.contains(client.id())) return false;
  for (auto& [address, line] : lines_) {
    const auto mine = std::ranges::find(line.waiting, client.id(), &Request::client);
    if (mine == line.waiting.end()) continue;
    if (is_meant_still(*mine)) return true;
    line.waiting.erase(mine);
    --waiting_;
    in_line_.erase(client.id());
    return false;
  }
  return false;
}

// Bounded as clients are, whatever becomes of them.
void CancelDesk::stop(const server::ServerConnection& server) {
  const auto most = static_cast<std::size_t>(worker_.config().limits.max_client_connections);
  if (waiting_ >= most) return;
  enqueue({0, worker_.turn().now, 0, {}, aim_at(server)});
}

void CancelDesk::enqueue(Request request) {
  if (request.client != 0) in_line_.insert(request.client);
  Line& line = lines_[request.aim.address.to_string()];
  line.waiting.push_back(std::move(request));
  ++waiting_;
  start(line);
}

CancelDesk::Request CancelDesk::take(Line& line) {
  Request request = std::move(line.waiting.front());
  line.waiting.pop_front();
  --waiting_;
  in_line_.erase(request.client);
  return request;
}

// A server that does not answer leaves the others half of what there is.
bool CancelDesk::may_start(const Line& line) const {
  const auto most = static_cast<std::size_t>(worker_.config().limits.max_cancel_requests);
  const std::size_t of_one_server = std::clamp<std::size_t>(most / 2, 1, kAtOnce);
  return !line.waiting.empty() && line.carriers.size() < of_one_server && on_their_way_ < most;
}

// The server with the fewest on their way is the next.
void CancelDesk::start_all() {
  for (;;) {
    Line* next = nullptr;
    for (auto& [address, line] : lines_)
      if (may_start(line) && (!next || line.carriers.size() < next->carriers.size())) next = &line;
    if (next == nullptr) return;
    start_one(*next);
  }
}

void CancelDesk::start(Line& line) {
  while (may_start(line)) start_one(line);
}

void CancelDesk::start_one(Line& line) {
  const Request request = take(line);
  if (is_meant_still(request)) send(line, request);
}

// Another client may have the server by now, or the client may be at its next statement.
bool CancelDesk::is_meant_still(const Request& request) const {
  if (request.client == 0) return true;
  const ClientSession* client = worker_.find_client(request.client);
  if (client == nullptr) return false;
  if (const server::DedicatedConnection* own = client->dedicated())
    return own->id() == request.aim.server_id;
  const server::ServerConnection* server = client->cancel_target();
  return server != nullptr && server->id() == request.aim.server_id &&
         server->cancels_in_flight == 0 && client->request_at() <= request.since &&
         client->batches_answered() == request.batch;
}

// The server is kept from everybody else until the request is through.
void CancelDesk::send(Line& line, const Request& request) {
  const config::Config& config = worker_.config();
  const Micros limit = config.timeouts.cancel_wait_us != 0 ? config.timeouts.cancel_wait_us
                                                           : config.timeouts.server_connect_us;
  const Micros deadline =
      limit == 0 ? std::numeric_limits<Micros>::max() : worker_.turn().now + limit;
  auto connection = std::make_unique<CancelConnection>(
      *this, worker_.turn(), request.client, request.pool, request.aim.server_id, deadline);
  const Status opened = connection->open(request.aim.address, socket_options(config.tcp),
                                         request.aim.tls, request.aim.key);
  if (!opened.ok())
    return log::warning("cancel request dropped: {}: {}", request.aim.address.to_string(),
                        opened.error().message);
  line.carriers.push_back(std::move(connection));
  ++on_their_way_;
  if (pool::Pool* pool = worker_.find_pool(request.pool))
    if (server::ServerConnection* server = pool->find(request.aim.server_id))
      pool->cancel_began(*server);
}

void CancelDesk::carried(CancelConnection& connection) {
  if (pool::Pool* pool = worker_.find_pool(connection.pool()))
    if (server::ServerConnection* server = pool->find(connection.server_id()))
      pool->cancel_ended(*server, connection.in_doubt());
  // It may have kept its next statement back.
  if (ClientSession* client = worker_.find_client(connection.client()))
    if (client->state() != ClientSession::State::kClosed) client->schedule();
  Line& line = lines_.at(connection.line());
  const auto mine = std::ranges::find_if(
      line.carriers, [&](const auto& held) { return held.get() == &connection; });
  (*mine)->close();
  worker_.turn().dead.push_back(std::move(*mine));
  line.carriers.erase(mine);
  --on_their_way_;
  start_all();
}

void CancelDesk::drop_late(Line& line) {
  const Micros limit = worker_.config().timeouts.cancel_wait_us;
  const Micros now = worker_.turn().now;
  while (limit != 0 && !line.waiting.empty() && now - line.waiting.front().since >= limit) {
    const Request late = take(line);
    if (is_meant_still(late) && late.client != 0)
      log::warning("cancel request for client {} dropped: it waited for timeouts.cancel_wait",
                   late.client);
  }
  std::vector<CancelConnection*> carriers;
  for (const auto& carrier : line.carriers)
    if (now >= carrier->deadline()) carriers.push_back(carrier.get());
  for (CancelConnection* carrier : carriers) carried(*carrier);
}

void CancelDesk::tick() {
  for (auto& [address, line] : lines_) drop_late(line);
  std::erase_if(lines_, [](const auto& entry) {
    return entry.second.waiting.empty() && entry.second.carriers.empty();
  });
}

void CancelDesk::close_all() {
  lines_.clear();
  in_line_.clear();
  waiting_ = on_their_way_ = 0;
}

void CancelDesk::visit(
    const std::function<void(const pool::PoolKey&, bool on_its_way)>& visitor) const {
  for (const auto& [address, line] : lines_) {
    for (const auto& carrier : line.carriers) visitor(carrier->pool(), true);
    for (const Request& request : line.waiting) visitor(request.pool, false);
  }
}

}  // namespace pgsaba::worker
