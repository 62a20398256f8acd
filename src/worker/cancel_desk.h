// CancelDesk: carries cancel requests of clients to PostgreSQL. At most max_cancel_requests are on
// their way at a time, and no more than half of these, or kAtOnce, to one server, so that one that
// does not answer holds up nobody else's. The others wait in line, each client once, up to
// timeouts.cancel_wait; without that limit, what is on its way has the time that a connection has
// (timeouts.server_connect). A request goes out only if the statement that it came for still runs
// where it ran then. Owned by a worker.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_set>
#include <vector>

#include "pgsaba/net/address.h"
#include "pgsaba/pool/pool_key.h"
#include "pgsaba/server/outgoing_connection.h"
#include "pgsaba/wire/cancel_key.h"
#include "pgsaba/worker/worker.h"

namespace pgsaba::worker {

class CancelConnection;

class CancelDesk {
 public:
  static constexpr std::size_t kAtOnce = 16;  // connections to a server

  explicit CancelDesk(Worker& worker);
  ~CancelDesk();

  // A request with the client's key has come.
  void ask(session::ClientSession& client);
  // What runs there is nobody's any more.
  void stop(const server::ServerConnection& server);
  // One has reached its server, or could not.
  void carried(CancelConnection& connection);
  void tick();
  void close_all();
  // The pools that requests are about, and whether these are on their way.
  void visit(const std::function<void(const pool::PoolKey&, bool on_its_way)>& visitor) const;

 private:
  // What has to be known of the connection that a request is about.
  struct Aim {
    std::uint64_t server_id = 0;
    net::Address address;
    server::TlsWish tls;
    wire::CancelKey key;
  };
  struct Request {
    std::uint32_t client = 0;  // 0: nobody's any more
    Micros since = 0;
    std::uint64_t batch = 0;  // that was to be answered next
    pool::PoolKey pool;
    Aim aim;
  };
  struct Line {
    std::deque<Request> waiting;
    std::vector<std::unique_ptr<CancelConnection>> carriers;
  };

  template <class Server>
  static Aim aim_at(const Server& server);
  void enqueue(Request request);
  bool may_start(const Line& line) const;
  void start_all();
  void start(Line& line);
  void start_one(Line& line);
  bool is_meant_still(const Request& request) const;
  void send(Line& line, const Request& request);
  Request take(Line& line);
  bool is_in_line(const session::ClientSession& client);
  void drop_late(Line& line);

  Worker& worker_;
  std::map<std::string, Line> lines_;          // by the server's address
  std::unordered_set<std::uint32_t> in_line_;  // clients
  std::size_t waiting_ = 0;                    // in all lines
  std::size_t on_their_way_ = 0;
};

}  // namespace pgsaba::worker
