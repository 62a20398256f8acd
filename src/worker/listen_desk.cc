#include "worker/listen_desk.h"

#include <functional>
#include <optional>

#include "pgsaba/base/log.h"
#include "pgsaba/worker/client_number.h"
#include "pgsaba/worker/worker.h"

namespace pgsaba::worker {

// One database and user: the listener, and what it needs of the worker.
class ListenDesk::Line final : public ListenHost {
 public:
  Line(Worker& worker, std::string database, std::string user)
      : worker_(worker), database_(std::move(database)), user_(std::move(user)) {}

  SharedListener& listener() { return listener_; }

  // The server that the route leads to may have changed.
  void follow_route() {
    if (listener_.unused()) return;
    wire::ErrorFields why;
    const pool::Pool* pool = worker_.route(account(), why);
    const server::ServerConnection* server = listener_.server();
    if (pool == nullptr || server == nullptr) return;
    const bool fits =
        connected_to_ && still_fits(*server, *connected_to_, pool->key(), pool->target());
    if (!fits) listener_.reconnect();
  }

  void answer_listener(std::uint32_t client, std::uint32_t ticket, bool in_force) override {
    if (ticket != 0) worker_.post(worker_of(client), ListenAnswer{client, ticket, in_force});
  }
  void warn_listener(std::uint32_t client) override {
    worker_.post(worker_of(client), ListenGap{client});
  }
  void notify(const std::vector<std::uint32_t>& clients, Bytes frame) override {
    std::map<std::size_t, std::vector<std::uint32_t>> by_worker;
    for (const std::uint32_t client : clients) by_worker[worker_of(client)].push_back(client);
    for (auto& [worker, some] : by_worker)
      worker_.post(worker, Notification{std::move(some), std::string(text_of(frame))});
  }
  std::unique_ptr<server::ServerConnection> open_listener(server::ServerOwner& owner) override {
    wire::ErrorFields why;
    pool::Pool* pool = worker_.route(account(), why);
    if (pool == nullptr) {
      log::warning("database {}: nobody can listen: {}", database_, why.message);
      return nullptr;
    }
    server::ServerTarget target = pool->target();
    target.startup.emplace_back("application_name", kListenerName);
    auto server = std::make_unique<server::ServerConnection>(
        worker_.turn(), owner, std::make_shared<const server::ServerTarget>(std::move(target)),
        worker_.scram_keys(), worker_.next_id());
    const Status opening = server->open_connection(pool->next_address(), pool->policy().socket);
    if (!opening.ok()) {
      log::warning("database {}: nobody can listen: {}", database_, opening.error().message);
      return nullptr;
    }
    connected_to_ = pool->key();
    worker_.log_server(*server, "listens for clients of " + database_);
    return server;
  }
  void bury_listener(std::unique_ptr<server::ServerConnection> server) override {
    worker_.log_server(*server, "listens no longer");
    connected_to_.reset();
    server->close();
    worker_.turn().dead.push_back(std::move(server));
  }
  Micros now() override { return worker_.turn().now; }

 private:
  session::Account& account() { return worker_.account_of(database_, user_); }

  Worker& worker_;
  std::string database_;
  std::string user_;
  std::optional<pool::PoolKey> connected_to_;
  SharedListener listener_{*this};
};

ListenDesk::ListenDesk(Worker& worker) : worker_(worker) {}

ListenDesk::~ListenDesk() = default;

void ListenDesk::order(ListenOrder order) {
  const std::size_t hash = std::hash<std::string>()(order.database + '\0' + order.user);
  const std::size_t home =
      worker_.workers() > 0 ? hash % worker_.workers() : worker_.worker_index();
  worker_.post(home, std::move(order));
}

void ListenDesk::take(ListenOrder& order) {
  auto& line = lines_[{order.database, order.user}];
  if (!line) {
    line = std::make_unique<Line>(worker_, order.database, order.user);
    line->listener().pause(worker_.is_paused(order.database));
  }
  line->listener().order(order.client, order.ticket, std::move(order.channels), order.mark);
}

void ListenDesk::reconnect(const std::string& database) {
  for (const auto& [key, line] : lines_)
    if (database.empty() || key.first == database) line->listener().reconnect();
}

void ListenDesk::follow_pauses() {
  for (const auto& [key, line] : lines_) line->listener().pause(worker_.is_paused(key.first));
}

void ListenDesk::visit(const Visit& visit) const {
  for (const auto& [key, line] : lines_) visit(key.first, key.second, line->listener());
}

void ListenDesk::tick(Micros connect_limit) {
  constexpr Micros kLongestWait = 15'000 * kMillisecond;  // where nothing limits it
  const Micros limit = connect_limit > 0 ? connect_limit : kLongestWait;
  for (auto at = lines_.begin(); at != lines_.end();) {
    at->second->follow_route();
    at->second->listener().tick(limit);
    at = at->second->listener().unused() ? lines_.erase(at) : std::next(at);
  }
}

}  // namespace pgsaba::worker
