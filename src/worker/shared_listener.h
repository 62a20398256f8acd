// SharedListener: the one server connection on which a database's clients, of all workers, listen.
// It belongs to the worker that the database and user fall to. What clients ask for is executed in
// the order of their asking, so that an answer also says that whatever was notified before has
// come. A lost connection is made again, and then listens to all there is; its clients are warned.
//
// Takes no slot of a pool: a pool whose servers are all busy must not keep anybody from listening.
// Owned by a worker; one thread.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "pgsaba/pool/pool_key.h"
#include "pgsaba/server/server_connection.h"

namespace pgsaba::worker {

// Its application_name, for pg_stat_activity and SHOW SERVERS.
inline constexpr std::string_view kListenerName = "pgsaba listener";

// What it needs of its worker. Clients are named by their numbers.
class ListenHost {
 public:
  virtual ~ListenHost() = default;
  virtual void answer_listener(std::uint32_t client, std::uint32_t ticket, bool in_force) = 0;
  virtual void notify(const std::vector<std::uint32_t>& clients, Bytes frame) = 0;
  virtual void warn_listener(std::uint32_t client) = 0;
  // A connection to the database's primary that is about to log in; null if none can be made now.
  virtual std::unique_ptr<server::ServerConnection> open_listener(server::ServerOwner& owner) = 0;
  // Destroyed when the turn ends.
  virtual void bury_listener(std::unique_ptr<server::ServerConnection> server) = 0;
  virtual Micros now() = 0;
};

// Whether a connection that was made by the route to `made_for` is still where that route leads.
bool still_fits(const server::ServerConnection& server, const pool::PoolKey& made_for,
                const pool::PoolKey& key, const server::ServerTarget& target);

class SharedListener final : private server::LeaseHolder, private server::ServerOwner {
 public:
  explicit SharedListener(ListenHost& host) : host_(host) {}
  ~SharedListener() override;

  // The client listens to exactly these channels. Without channels: it only wants an answer. What
  // cannot be had now is refused, and nothing has changed; with ticket 0 nobody asks, and it is had
  // as soon as it can be.
  // `mark` is notified on kMoveChannel, behind all that was notified before; if it cannot be now,
  // it is not.
  void order(std::uint32_t client, std::uint32_t ticket,
             std::optional<std::vector<std::string>> channels, const std::string& mark = {});
  // Connects again, gives up what takes too long, parts with a connection that nobody needs.
  // `limit` is how long a login or an answer may take.
  void tick(Micros limit);
  // To another server, for the primary has changed, or because somebody wishes it so. Who waits for
  // an answer goes on waiting.
  void reconnect();
  // While its database is paused there is no connection, and nobody new can listen.
  void pause(bool paused);
  bool unused() const {
    return clients_.empty() && orders_.empty() && waiting_.empty() && !server_;
  }
  const server::ServerConnection* server() const { return server_.get(); }
  std::size_t clients() const { return clients_.size(); }
  std::size_t channels() const { return listeners_.size(); }

 private:
  using Channels = std::set<std::string, std::less<>>;
  struct Order {
    std::uint32_t client = 0;  // 0: the listener's own, after a new login
    std::uint32_t ticket = 0;
    bool adds = false;  // channels that were not in force for the client
    Channels before = {};
    Channels gives_up = {};  // and hears until it is answered
    Micros sent_at = 0;
    bool failed = false;
  };

  std::vector<std::uint32_t> hearers(const std::string& channel) const;
  std::string change(std::uint32_t client, const Channels& wanted);
  void refuse(const Order& order);
  void connect();
  void send(Order order, std::string_view sql);
  void connection_lost();
  void start_over();
  void give_up();
  void bury();
  template <class Visit>
  void take_messages(Bytes bytes, Visit visit);
  bool ready() const {
    return server_ && server_->state() == server::ServerConnection::State::kLent;
  }

  // server::ServerOwner
  void server_logged_in(server::ServerConnection& server) override;
  void server_cleaned(server::ServerConnection&) override {}
  void server_closed(server::ServerConnection& server, server::CloseReason reason) override;
  // server::LeaseHolder
  void server_sent(Bytes bytes) override;
  void parameter_changed(std::string_view, std::string_view) override {}
  void change_undone(std::uint32_t) override {}
  void statements_discarded() override {}
  std::string statement_name(std::uint32_t) override { return {}; }
  void statement_outdated(std::uint32_t) override {}
  void setting_done() override {}
  void begun() override {}
  void begin_failed(const wire::ErrorFields&, Bytes) override {}
  void own_query_done() override {}
  void answered(Bytes bytes) override;
  void answer_complete() override;
  bool holds_ready() override { return false; }
  bool wants_notification(std::string_view) override { return true; }
  void server_ready() override {}
  void server_lost(server::ServerConnection&, server::CloseReason, bool) override {}
  bool accepts_bytes() const override { return true; }
  void server_drained() override {}

  ListenHost& host_;
  std::unique_ptr<server::ServerConnection> server_;
  std::unordered_map<std::uint32_t, Channels> clients_;
  std::map<std::string, std::set<std::uint32_t>, std::less<>> listeners_;  // by channel
  std::deque<Order> waiting_;                                              // for a connection
  std::deque<Order> orders_;                                               // sent, in their order
  std::string partial_;   // of a message that did not come in one piece
  bool listens_ = false;  // to all that it should
  bool missed_ = false;   // a connection that listened was lost
  bool paused_ = false;
  Micros retry_at_ = 0;
  Micros retry_delay_ = 0;
};

}  // namespace pgsaba::worker
