// Pool: the server connections of one worker for one database, user and server, and the clients
// that queue for them. Decides who gets which server next, when servers are opened and when they
// go. Clients whose next statement will keep its server (a temporary table, an advisory lock) queue
// for a place among the pins first, then for a server.
//
// A server is on exactly one list at a time:
//   opening  connects and logs in
//   idle     may be lent; the most recently used in front of the queue of its successors
//   lent     a client has it
//   resting  released, but not yet fit for another client: being cleaned, or a cancel request that
//            was aimed at it is still under way
//
// Owned by one worker. Limits hold for the process: see slots.h.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "pgsaba/config/pool_settings.h"
#include "pgsaba/pool/address_cycle.h"
#include "pgsaba/pool/dedicated_servers.h"
#include "pgsaba/pool/known_answers.h"
#include "pgsaba/pool/pin_places.h"
#include "pgsaba/pool/sequence_habits.h"
#include "pgsaba/pool/slots.h"
#include "pgsaba/server/server_connection.h"
#include "pgsaba/stats/traffic_times.h"
#include "pgsaba/stats/traffic_totals.h"

namespace pgsaba::pool {

class Pool;

// A client that queues for a server.
class Waiter {
 public:
  virtual ~Waiter() = default;
  // It has left the queue; the server is its own until it is given back.
  virtual void granted(server::ServerConnection& server) = 0;
  // It has left the queue without a server.
  virtual void refused(const wire::ErrorFields& error) = 0;
  virtual const server::SettingsRef& wanted_settings() const = 0;

  ListHook wait_hook;
  Micros waiting_since = 0;
  bool wants_pin = false;  // set before it queues
  bool holds_pin = false;  // a place among the pool's pins is its own
  bool waits_for_pin() const { return wants_pin && !holds_pin; }
};

// All that configuration says about a pool.
struct PoolPolicy {
  config::PoolSettings settings;
  Micros server_connect_us = 0;
  Micros server_login_retry_us = 0;
  Micros server_idle_us = 0;
  Micros reserve_pool_us = 0;
  Micros failover_wait_us = 0;
  std::size_t max_prepared_statements = 0;
  std::size_t max_opening = 8;
  bool round_robin = false;
  bool forced_user = false;
  std::string reset_query;
  net::SocketOptions socket;
};

// What a pool needs of the worker it lives in.
class PoolHost {
 public:
  virtual ~PoolHost() = default;
  virtual net::Turn& turn() = 0;
  virtual std::size_t worker_index() const = 0;
  virtual auth::ScramKeyDesk& scram_keys() = 0;
  virtual std::uint64_t next_id() = 0;
  // Asks for `match` before this turn ends.
  virtual void needs_match(Pool& pool) = 0;
  // Clients wait and no slot is free, or no server can be opened: idle servers of other workers, or
  // of other pools of the same database or user, would help.
  virtual void short_of_servers(Pool& pool, SlotRefusal refusal) = 0;
  // A client wants a server of its own and no slot is free: idle servers, also of the pool's twins,
  // should be closed.
  virtual void short_of_slots(Pool& pool, SlotRefusal refusal) = 0;
  // Sends an idle server to the pool's twin in another worker.
  virtual void send_server(Pool& pool, std::size_t worker,
                           std::unique_ptr<server::ServerConnection> server) = 0;
  // A connection broke: its server may be about to start anew.
  virtual void server_vanished(const Pool& pool) = 0;
  // The pool's server is taken for the primary, and must not be a standby.
  virtual bool leads_to_primary(const Pool& pool) const = 0;
  virtual void log_server(const server::ServerConnection& server, std::string_view event) = 0;
};

class Pool final : public server::ServerOwner {
 public:
  // A client of another worker is preferred to one of ours once it has waited this much longer.
  static constexpr Micros kStarvationUs = 2 * kMillisecond;

  // A client may overtake others for a server whose session is like its own, if it came this much
  // later at most.
  static constexpr Micros kOvertakingUs = 2 * kMillisecond;

  Pool(PoolHost& host, PoolKey key, std::shared_ptr<const server::ServerTarget> target,
       PoolPolicy policy, std::shared_ptr<SharedPool> shared);
  ~Pool() override;

  const PoolKey& key() const { return key_; }
  const PoolPolicy& policy() const { return policy_; }
  const server::ServerTarget& target() const { return *target_; }
  stats::TrafficTotals& totals() { return totals_; }
  stats::TrafficTimes& times() { return times_; }

  // An idle server at once, unless somebody waits already.
  server::ServerConnection* take(const server::SettingsRef& wanted);
  void enqueue(Waiter& waiter);
  void leave(Waiter& waiter);
  // Why a new client would wait in vain: the last login failed and the next is not yet due.
  std::optional<wire::ErrorFields> standing_refusal() const;
  // The lease ends; the server owes nothing, and is rolled back if it is in a transaction.
  void give_back(server::ServerConnection& server);
  // The lease ends in the middle of something.
  void discard(server::ServerConnection& server, server::CloseReason reason);

  // Pairs waiters with idle servers and opens what is missing.
  void match();
  void tick(Micros now);

  // A twin in another worker sends a server, or asks for one.
  void adopt(std::unique_ptr<server::ServerConnection> server);
  void lend_to_starving();

  // Servers that belong to one client each, and what they need of the pool.
  DedicatedServers& dedicated() { return dedicated_; }
  PoolHost& host() { return host_; }
  SlotRefusal take_slot() { return shared_->take_slot(limits()); }
  void give_slot();
  // Where the next connection goes.
  const net::Address& next_address();
  void address_failed(const net::Address& address) { addresses_.failed(address, host_.turn().now); }
  wire::ErrorFields connect_error(const net::Address& address, const std::string& why) const;
  wire::ErrorFields tls_error(const net::Address& address, const std::string& why) const;
  wire::ErrorFields room_error() const;

  // A client keeps its server between transactions, or will; false: too many do. One that can wait
  // does so once others wait.
  bool pin(Waiter& client);
  bool pin_in_turn(Waiter& client) { return pin_queues_are_empty() && pin(client); }
  // For a client that cannot wait: it may have one beyond the limit, as long as a server is left to
  // all others.
  bool overdraw_pin(Waiter& client);
  // For one that has its server already, whatever the limit.
  void keep_pinned(Waiter& client);
  void unpin(Waiter& client);
  // The pin of a sequence (PinPlaces).
  bool pin_for_sequence() { return shared_->pins.take_for_sequence(pin_limits()); }
  void unpin_of_sequence() { shared_->pins.give_of_sequence(); }
  bool pins_crowded() const { return shared_->pins.crowded(pin_limits()); }

  void cancel_began(server::ServerConnection& server) { ++server.cancels_in_flight; }
  // In doubt: it may still arrive.
  void cancel_ended(server::ServerConnection& server, bool in_doubt);

  void client_joined() { ++clients_; }
  void client_left() {
    --clients_;
    used_at_ = host_.turn().now;
  }
  std::size_t clients() const { return clients_; }
  Micros used_at() const { return used_at_; }  // the last time anybody wanted something of it

  void reconfigure(std::shared_ptr<const server::ServerTarget> target, PoolPolicy policy);
  void pause(bool paused);
  bool paused() const { return paused_; }
  // Every server is replaced once it is free.
  void reconnect(server::CloseReason reason);
  bool reconnecting() const;
  // The server must not be used any more, or does not answer: whoever has a connection loses it.
  // One to where it was before is to another server, and is left alone.
  void cut_off(server::CloseReason reason);
  // It is known to answer again: the next attempt need not wait, and clients wait for it anew.
  void retry_now();
  // The server is at that address by now.
  bool serves_at(const net::Address& address) const;
  // Closes one idle server; false if there is none.
  bool evict_idle();
  void close_all(server::CloseReason reason);
  void refuse_all(const wire::ErrorFields& error);

  // Some client asks currval or lastval; it has done so within the hour.
  void sequences_are_read();
  bool sequences_read_lately() const;
  SequenceHabits& sequence_habits() { return sequence_habits_; }
  // A client waits for a server, or to keep one, in whichever worker.
  bool others_wait() const {
    return !pin_waiters_.empty() || shared_->waiting_workers.load(std::memory_order_relaxed) > 0;
  }

  // What clients need not ask its servers again.
  KnownAnswers& known_answers() { return known_answers_; }
  // What the servers of this pool say of themselves at login.
  Welcomes& welcomes() { return shared_->welcomes; }

  using Servers = IntrusiveList<server::ServerConnection, &server::ServerConnection::pool_hook>;
  using Waiters = IntrusiveList<Waiter, &Waiter::wait_hook>;
  enum class Place : std::uint8_t { kOpening, kIdle, kLent, kResting };
  Servers& servers_at(Place place) { return lists_[static_cast<std::size_t>(place)]; }
  Waiters& waiters() { return waiters_; }
  Waiters& pin_waiters() { return pin_waiters_; }
  server::ServerConnection* find(std::uint64_t server_id);
  bool twin_has_idle(std::size_t worker) const {
    return shared_->faces[worker].has_idle.load(std::memory_order_relaxed);
  }
  std::size_t servers() const { return owned_.size(); }
  // Of the last attempt to open a server; null if it succeeded.
  const wire::ErrorFields* last_failure() const {
    return failing_since_ == 0 ? nullptr : &failure_;
  }
  bool unused() const {
    return owned_.empty() && waiters_.empty() && pin_waiters_.empty() && dedicated_.empty() &&
           clients_ == 0;
  }

  // server::ServerOwner
  void server_logged_in(server::ServerConnection& server) override;
  void server_cleaned(server::ServerConnection& server) override;
  void server_changed(server::ServerConnection& server) override;
  void server_closed(server::ServerConnection& server, server::CloseReason reason) override;

  // Of whoever waits for a server, or to keep one; 0: nobody does.
  Micros longest_wait(Micros now) {
    Micros longest = 0;
    for (Waiters* queue : {&waiters_, &pin_waiters_})
      if (!queue->empty()) longest = std::max(longest, now - queue->front().waiting_since);
    return longest;
  }
  // Something here has a deadline that is a matter of less than a second.
  bool urgent() const {
    return !waiters_.empty() || !pin_waiters_.empty() || !opening_.empty() || !dedicated_.empty();
  }

  // The host's marks.
  bool match_pending = false;
  bool watched = false;
  bool starves = false;
  Micros waiting_told_at = 0;  // the log was told that clients wait; 0: they do not, or not long

 private:
  server::ServerConnection* fitting_server(const server::SettingsRef& wanted);
  Waiter& waiter_for(server::ServerConnection& server);
  void forget_learned();
  void make_idle(server::ServerConnection& server);
  void settle(server::ServerConnection& server);
  bool pools_sessions() const { return policy_.settings.pool_mode == config::PoolMode::kSession; }
  std::string_view reset_of(server::ServerConnection::Taint taint) const;
  void leave_sessions();
  bool worn_out(const server::ServerConnection& server);
  void open_missing();
  bool open_one();
  bool lacks_floor() const;
  bool serves_somewhere() const;
  void want_idle_servers();
  SlotLimits limits() const;
  SlotLimits floor_limits() const;
  PinLimits pin_limits() const { return pool::pin_limits(policy_.settings); }
  bool pin_queues_are_empty() const;
  bool first_to_be_pinned();
  void grant_pins();
  bool too_many() const;
  void login_postponed(const wire::ErrorFields& error);
  void login_failed(const wire::ErrorFields& error);
  void refuse_standby(server::ServerConnection& server);
  void connect_failed(const net::Address& address, const std::string& why);
  void leave_addresses();
  void close(server::ServerConnection& server, server::CloseReason reason);
  void forget(server::ServerConnection& server);
  Servers& list_of(const server::ServerConnection& server) { return lists_[server.place]; }
  void move(server::ServerConnection& server, Place to);
  void publish();
  void expire_idle(Micros now);
  void expire_opening(Micros now);
  void expire_waiters(Micros now);
  void expire(Waiters& queue, Micros now, wire::ErrorFields (Pool::*why)() const);
  wire::ErrorFields wait_error() const;
  std::string wait_hint() const;
  wire::ErrorFields pin_wait_error() const;

  PoolHost& host_;
  PoolKey key_;
  std::shared_ptr<const server::ServerTarget> target_;
  PoolPolicy policy_;
  std::shared_ptr<SharedPool> shared_;
  stats::TrafficTotals totals_;
  stats::TrafficTimes times_;
  KnownAnswers known_answers_;
  SequenceHabits sequence_habits_;
  std::array<Servers, 4> lists_;  // by Place
  Servers& idle_ = servers_at(Place::kIdle);
  Servers& opening_ = servers_at(Place::kOpening);
  Waiters waiters_;
  Waiters pin_waiters_;  // for a place among the pins; then they wait for a server
  std::unordered_map<server::ServerConnection*, std::unique_ptr<server::ServerConnection>> owned_;
  DedicatedServers dedicated_{*this};
  std::size_t clients_ = 0;
  Micros used_at_ = 0;
  bool paused_ = false;
  AddressCycle addresses_;
  Micros retry_at_ = 0;  // after a failed login or connection attempt
  Micros retry_delay_ = 0;
  Micros failing_since_ = 0;       // 0: the last attempt succeeded
  Welcomes::Parameters greeting_;  // of the server that was heard last
  Micros yielded_at_ = 0;          // a server was given up for others; 0: never
  Micros waiters_since_ = 0;       // since when the first client waits; 0: nobody does
  bool waits_shown_ = false;       // this worker counts in SharedPool::waiting_workers
  wire::ErrorFields failure_;      // of the last attempt
};

}  // namespace pgsaba::pool
