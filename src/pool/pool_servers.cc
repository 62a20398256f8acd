// The part of Pool that opens, closes and replaces servers.
#include <algorithm>

#include "pgsaba/pool/pool.h"
#include "pgsaba/wire/sqlstate.h"

namespace pgsaba::pool {

using server::CloseReason;
using server::ServerConnection;

namespace {

constexpr Micros kFirstRetryUs = 100 * kMillisecond;
constexpr Micros kSoonUs = 250 * kMillisecond;
constexpr Micros kYieldUs = kSecond;

// A server that says so at login exists, and it or its successor will serve in a moment, or others
// make room there. What was about to log in when a server was stopped is ended like any other
// session.
bool passes(const wire::ErrorFields& error) {
  return error.sqlstate == wire::sqlstate::kCannotConnectNow ||
         error.sqlstate == wire::sqlstate::kAdminShutdown ||
         error.sqlstate == wire::sqlstate::kCrashShutdown ||
         error.sqlstate == wire::sqlstate::kTooManyConnections;
}

}  // namespace

SlotLimits Pool::limits() const {
  const config::PoolSettings& settings = policy_.settings;
  std::int32_t size = settings.pool_size;
  const bool reserve = size > 0 && policy_.reserve_pool_us > 0 && !waiters_.empty() &&
                       waiters_since_ != 0 &&
                       host_.turn().now - waiters_since_ >= policy_.reserve_pool_us;
  if (reserve) size += settings.reserve_pool_size;
  return {size, settings.max_db_connections, settings.max_user_connections};
}

// A reload has lowered a limit. The reserve may be in use, so it counts.
bool Pool::too_many() const {
  const config::PoolSettings& settings = policy_.settings;
  const std::int32_t size = settings.pool_size;
  return shared_->over({size > 0 ? size + settings.reserve_pool_size : 0,
                        settings.max_db_connections, settings.max_user_connections});
}

// The floor is one of the process. A server that was given up for clients of another pool is not
// opened again before these had their chance.
bool Pool::lacks_floor() const {
  if (policy_.settings.min_pool_size == 0) return false;
  const bool keep_floor = clients_ > 0 || policy_.forced_user;
  const bool yields = yielded_at_ != 0 && host_.turn().now - yielded_at_ < kYieldUs;
  return keep_floor && !yields && shared_->servers.held() < policy_.settings.min_pool_size;
}

// Nobody opens more than the floor needs, whoever else is about to.
SlotLimits Pool::floor_limits() const {
  const config::PoolSettings& settings = policy_.settings;
  const std::int32_t floor = settings.min_pool_size;
  return {settings.pool_size > 0 ? std::min(settings.pool_size, floor) : floor,
          settings.max_db_connections, settings.max_user_connections};
}

// As many at a time as clients wait: opening twenty takes about as long as opening one.
void Pool::open_missing() {
  waiters_since_ = waiters_.empty() ? 0 : waiters_.front().waiting_since;
  if (paused_) return;
  if (host_.turn().now < retry_at_) return want_idle_servers();
  // After a failure one attempt at a time finds out whether it is over.
  const std::size_t at_once = failing_since_ != 0 ? 1 : policy_.max_opening;
  while (opening_.size() < std::min(waiters_.size(), at_once)) {
    const SlotRefusal refusal = shared_->take_slot(limits());
    if (refusal != SlotRefusal::kNone) return host_.short_of_servers(*this, refusal);
    if (!open_one()) return;
  }
  while (opening_.size() < at_once && lacks_floor()) {
    if (shared_->take_slot(floor_limits()) != SlotRefusal::kNone) return;
    if (!open_one()) return;
  }
}

// The slot is taken.
bool Pool::open_one() {
  auto server = std::make_unique<ServerConnection>(host_.turn(), *this, target_, host_.scram_keys(),
                                                   host_.next_id());
  ServerConnection& opened = *server;
  owned_.emplace(&opened, std::move(server));
  move(opened, Place::kOpening);
  if (host_.leads_to_primary(*this)) opened.expect_primary();
  const net::Address address = next_address();
  const Status connecting = opened.open_connection(address, policy_.socket);
  if (connecting.ok()) return true;
  close(opened, CloseReason::kConnectFailed);
  connect_failed(address, connecting.error().message);
  return false;
}

const net::Address& Pool::next_address() {
  return addresses_.next(target_->addresses, host_.turn().now, policy_.server_login_retry_us);
}

void Pool::server_logged_in(ServerConnection& server) {
  if (server.login().in_hot_standby() && host_.leads_to_primary(*this))
    return refuse_standby(server);
  addresses_.succeeded(server.address());
  failing_since_ = retry_at_ = retry_delay_ = 0;
  server_changed(server);
  host_.log_server(server, "logged in");
  make_idle(server);
}

void Pool::server_changed(ServerConnection& server) {
  server.greeting = welcomes().heard(server.login().parameters());
  if (std::exchange(greeting_, server.greeting) != server.greeting) known_answers_.forget_all();
}

// The primary has come back as a standby, and the monitor has not yet seen it: a write would fail
// there. Nothing was sent yet, so clients wait for the next primary.
void Pool::refuse_standby(ServerConnection& server) {
  failure_ = connect_error(server.address(), "it is a standby now");
  const Micros now = host_.turn().now;
  if (failing_since_ == 0) failing_since_ = now;
  retry_at_ = now + kSoonUs;
  close(server, CloseReason::kDeposed);
  host_.server_vanished(*this);
}

void Pool::server_cleaned(ServerConnection& server) { settle(server); }

void Pool::server_closed(ServerConnection& server, CloseReason reason) {
  const bool was_opening = server.place == static_cast<std::uint8_t>(Place::kOpening);
  const bool vanished = reason == CloseReason::kServerClosed || reason == CloseReason::kServerError;
  if (vanished && !was_opening) {
    known_answers_.forget_all();
    host_.server_vanished(*this);
  }
  const wire::ErrorFields error = server.last_error();
  if (was_opening) {
    const std::string tls = server.tls_error();
    const std::string_view told = tls.empty() ? describe(reason) : std::string_view(tls);
    const bool for_good = reason == CloseReason::kTlsFailed && !server.tls_error_may_pass();
    host_.log_server(server, error.message.empty() ? told : error.message);
    const net::Address address = server.address();
    forget(server);
    if (for_good) {
      login_failed(tls_error(address, tls));
    } else if (passes(error)) {
      login_postponed(error);
    } else if (reason == CloseReason::kLoginFailed) {
      login_failed(error);
    } else {
      connect_failed(address, std::string(told));
    }
  } else {
    host_.log_server(server, error.message.empty() ? describe(reason) : error.message);
    forget(server);
  }
  host_.needs_match(*this);
}

// Clients wait, up to failover_wait, as for a server that does not answer.
void Pool::login_postponed(const wire::ErrorFields& error) {
  failure_ = error;
  failure_.severity = "FATAL";
  retry_at_ = host_.turn().now + kSoonUs;
  if (failing_since_ == 0) failing_since_ = host_.turn().now;
  want_idle_servers();
}

// The server's own words go to those who wait, unless other servers of the pool still serve.
void Pool::login_failed(const wire::ErrorFields& error) {
  failure_ = error;
  failure_.severity = "FATAL";
  retry_at_ = host_.turn().now + policy_.server_login_retry_us;
  if (failing_since_ == 0) failing_since_ = host_.turn().now;
  serves_somewhere() ? want_idle_servers() : refuse_all(failure_);
}

bool Pool::serves_somewhere() const {
  return owned_.size() > opening_.size() ||
         std::ranges::any_of(shared_->faces, [](const SharedPool::Face& face) {
           return face.serves.load(std::memory_order_relaxed);
         });
}

// No server can be opened here now, but other workers may have some to spare.
void Pool::want_idle_servers() {
  if (!waiters_.empty() && serves_somewhere()) host_.short_of_servers(*this, SlotRefusal::kPool);
}

wire::ErrorFields Pool::connect_error(const net::Address& address, const std::string& why) const {
  wire::ErrorFields error{
      "FATAL", std::string(wire::sqlstate::kConnectionFailure),
      "cannot connect to server " + target_->name + " (" + address.to_string() + "): " + why};
  error.hint = "Is PostgreSQL running there? The log has each attempt.";
  return error;
}

wire::ErrorFields Pool::tls_error(const net::Address& address, const std::string& why) const {
  wire::ErrorFields error = connect_error(address, why);
  error.sqlstate = wire::sqlstate::kUnableToConnect;
  error.hint = "The cluster's settings under tls have to fit the server's.";
  return error;
}

// The server may be restarting: clients wait while attempts go on, up to failover_wait. Another
// address is tried at once.
void Pool::connect_failed(const net::Address& address, const std::string& why) {
  failure_ = connect_error(address, why);
  const Micros now = host_.turn().now;
  if (failing_since_ == 0) failing_since_ = now;
  addresses_.failed(address, now);
  if (addresses_.any_fresh(target_->addresses, now, policy_.server_login_retry_us))
    return host_.needs_match(*this);
  retry_delay_ = std::clamp(retry_delay_ * 2, kFirstRetryUs,
                            std::max(kFirstRetryUs, policy_.server_login_retry_us));
  retry_at_ = now + retry_delay_;
  want_idle_servers();
}

std::optional<wire::ErrorFields> Pool::standing_refusal() const {
  const bool refused = failing_since_ != 0 && owned_.empty() && !serves_somewhere() &&
                       host_.turn().now < retry_at_ &&
                       failure_.sqlstate != wire::sqlstate::kConnectionFailure && !passes(failure_);
  if (!refused) return std::nullopt;
  return failure_;
}

bool Pool::worn_out(const ServerConnection& server) {
  if (server.close_when_released) return true;
  const Micros lifetime = policy_.settings.server_lifetime_us;
  const Micros now = host_.turn().now;
  if (now - server.opened_at() < lifetime) return false;
  if (lifetime == 0) return true;
  // Servers opened together must not all go together.
  const std::int32_t size = policy_.settings.pool_size;
  const auto spacing = lifetime / std::max(1, size > 0 ? size : shared_->servers.held());
  Micros last = shared_->last_expired.load(std::memory_order_relaxed);
  if (last != 0 && now - last < spacing) return false;
  return shared_->last_expired.compare_exchange_strong(last, now, std::memory_order_relaxed);
}

void Pool::tick(Micros now) {
  expire_idle(now);
  expire_opening(now);
  expire_waiters(now);
  dedicated_.tick(now);
  const bool anybody = !waiters_.empty() || !pin_waiters_.empty();
  if (anybody || lacks_floor()) host_.needs_match(*this);
}

void Pool::expire_idle(Micros now) {
  const std::int32_t keep = policy_.settings.min_pool_size;
  idle_.for_each([&](ServerConnection& server) {
    const bool surplus = shared_->servers.held() > keep && policy_.server_idle_us > 0 &&
                         now - server.idle_since >= policy_.server_idle_us;
    if (surplus) return close(server, CloseReason::kIdleTimeout);
    if (policy_.settings.server_lifetime_us > 0 && worn_out(server))
      close(server, CloseReason::kLifetime);
  });
}

void Pool::expire_opening(Micros now) {
  if (policy_.server_connect_us == 0) return;
  opening_.for_each([&](ServerConnection& server) {
    if (now - server.opened_at() < policy_.server_connect_us) return;
    const net::Address address = server.address();
    close(server, CloseReason::kConnectTimeout);
    connect_failed(address, "no answer within server_connect");
  });
}

void Pool::expire_waiters(Micros now) {
  const bool lost = failing_since_ != 0 && owned_.empty() && policy_.failover_wait_us > 0 &&
                    now - failing_since_ >= policy_.failover_wait_us && !serves_somewhere();
  if (lost) return refuse_all(failure_);
  expire(waiters_, now, &Pool::wait_error);
  expire(pin_waiters_, now, &Pool::pin_wait_error);
  publish();
}

void Pool::expire(Waiters& queue, Micros now, wire::ErrorFields (Pool::*why)() const) {
  const Micros limit = policy_.settings.query_wait_us;
  if (limit == 0) return;
  while (!queue.empty() && now - queue.front().waiting_since >= limit)
    queue.pop_front().refused((this->*why)());
}

wire::ErrorFields Pool::wait_error() const {
  const bool unreachable = !paused_ && shared_->servers.held() == 0 && last_failure() != nullptr;
  const auto sqlstate = paused_       ? wire::sqlstate::kCannotConnectNow
                        : unreachable ? wire::sqlstate::kConnectionFailure
                                      : wire::sqlstate::kTooManyConnections;
  wire::ErrorFields error{"FATAL", std::string(sqlstate),
                          unreachable ? "no server could be reached within query_wait"
                                      : "no server connection became free within query_wait"};
  error.detail = "Pool \"" + key_.database + "\"/\"" + key_.user + "\" of server " + target_->name +
                 ": " + std::to_string(shared_->servers.held()) + " of " +
                 std::to_string(policy_.settings.pool_size) + " server connections are open, " +
                 std::to_string(waiters_.size() + 1) + " clients wait.";
  if (const auto* failure = last_failure())
    error.detail += " The last attempt to open one failed: " + failure->message + ".";
  if (paused_) error.detail += " The pool is paused.";
  error.hint = wait_hint();
  return error;
}

std::string Pool::wait_hint() const {
  if (paused_) return "RESUME on the admin console lifts the pause.";
  if (last_failure() != nullptr) return "The log has each attempt; SHOW TOPOLOGY tells of servers.";
  const char* which = nullptr;
  switch (shared_->full(limits())) {
    case SlotRefusal::kNone:
    case SlotRefusal::kPool:
      which = "pool_size";
      break;
    case SlotRefusal::kDatabase:
      which = "max_db_connections";
      break;
    case SlotRefusal::kUser:
      which = "max_user_connections";
      break;
  }
  return "SHOW WAITS on the admin console tells who holds them; raise " + std::string(which) +
         ", or end transactions sooner.";
}

wire::ErrorFields Pool::pin_wait_error() const {
  wire::ErrorFields error{"FATAL", std::string(wire::sqlstate::kTooManyConnections),
                          "no server connection could be kept for this statement within "
                          "query_wait"};
  error.detail = "Pool \"" + key_.database + "\"/\"" + key_.user + "\" of server " + target_->name +
                 ": clients keep " + std::to_string(shared_->pins.lasting()) + " of at most " +
                 std::to_string(pin_limits().usual) + " server connections between transactions, " +
                 std::to_string(pin_waiters_.size() + 1) + " wait to keep one.";
  error.hint =
      "SHOW PINS on the admin console tells who keeps them and what for; end that sooner, raise "
      "pool.max_pinned_servers, or use pool_mode: session.";
  if (paused_) error.detail += " The pool is paused.";
  return error;
}

wire::ErrorFields Pool::room_error() const {
  wire::ErrorFields error{"FATAL", std::string(wire::sqlstate::kTooManyConnections),
                          "no room for a replication connection within server_connect"};
  error.detail = "Pool \"" + key_.database + "\"/\"" + key_.user + "\" of server " + target_->name +
                 ": " + std::to_string(shared_->servers.held()) + " of " +
                 std::to_string(policy_.settings.pool_size) + " server connections are in use.";
  if (paused_) error.detail += " The pool is paused.";
  error.hint =
      "Each replication connection takes one for itself: raise pool_size, max_db_connections or "
      "max_user_connections, whichever is reached.";
  return error;
}

void Pool::give_slot() {
  shared_->give_slot();
  host_.needs_match(*this);
}

// ---- lists -------------------------------------------------------------------------------------

void Pool::move(ServerConnection& server, Place to) {
  if (server.pool_hook.linked()) list_of(server).remove(server);
  server.place = static_cast<std::uint8_t>(to);
  if (to == Place::kIdle && !policy_.round_robin) {
    idle_.push_front(server);  // the one used last is used next: its caches are warm
  } else {
    list_of(server).push_back(server);
  }
}

void Pool::close(ServerConnection& server, CloseReason reason) {
  host_.log_server(server, describe(reason));
  server.shut();
  forget(server);
}

// It is destroyed when the turn ends: its own `step` may be running.
void Pool::forget(ServerConnection& server) {
  list_of(server).remove(server);
  server.close();
  auto owned = std::move(owned_.extract(&server).mapped());
  give_slot();
  host_.turn().dead.push_back(std::move(owned));
  publish();
}

}  // namespace pgsaba::pool
