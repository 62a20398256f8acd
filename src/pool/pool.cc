#include "pgsaba/pool/pool.h"

#include <algorithm>

namespace pgsaba::pool {

using server::CloseReason;
using server::ServerConnection;

namespace {

// How many are looked at for settings that fit.
constexpr std::size_t kServersSeen = 4;
constexpr std::size_t kWaitersSeen = 16;

constexpr std::string_view kResetAll = "DISCARD ALL";

bool fits(const ServerConnection& server, const server::SettingsRef& wanted) {
  return server.settings_known() && same_settings(server.settings(), wanted);
}

}  // namespace

Pool::Pool(PoolHost& host, PoolKey key, std::shared_ptr<const server::ServerTarget> target,
           PoolPolicy policy, std::shared_ptr<SharedPool> shared)
    : host_(host),
      key_(std::move(key)),
      target_(std::move(target)),
      policy_(std::move(policy)),
      shared_(std::move(shared)) {}

Pool::~Pool() {
  close_all(CloseReason::kShutdown);
  publish();
}

// ---- clients -----------------------------------------------------------------------------------

ServerConnection* Pool::take(const server::SettingsRef& wanted) {
  if (!waiters_.empty() || idle_.empty() || paused_) return nullptr;
  ServerConnection* chosen = fitting_server(wanted);
  if (chosen == nullptr) chosen = &idle_.front();
  move(*chosen, Place::kLent);
  ++totals_.server_assignment_count;
  publish();
  return chosen;
}

void Pool::sequences_are_read() {
  shared_->sequences_read_at.store(host_.turn().now, std::memory_order_relaxed);
}

bool Pool::sequences_read_lately() const {
  constexpr Micros kLately = 3600 * kSecond;
  const Micros at = shared_->sequences_read_at.load(std::memory_order_relaxed);
  return at != 0 && host_.turn().now - at < kLately;
}

void Pool::enqueue(Waiter& waiter) {
  waiter.waiting_since = host_.turn().now;
  (waiter.waits_for_pin() ? pin_waiters_ : waiters_).push_back(waiter);
  publish();
  host_.needs_match(*this);
}

void Pool::leave(Waiter& waiter) {
  (waiter.waits_for_pin() ? pin_waiters_ : waiters_).remove(waiter);
  publish();
}

// The reset query is good enough between sessions; whoever else follows gets all reset.
std::string_view Pool::reset_of(ServerConnection::Taint taint) const {
  if (taint == ServerConnection::Taint::kNone) return {};
  const bool among_sessions = taint == ServerConnection::Taint::kSession && pools_sessions();
  return among_sessions ? std::string_view(policy_.reset_query) : kResetAll;
}

void Pool::give_back(ServerConnection& server) {
  if (server.pipeline().doubtful()) return discard(server, CloseReason::kDoubtful);
  const bool in_transaction = server.pipeline().status() != wire::TransactionStatus::kIdle;
  if (server.taint() == ServerConnection::Taint::kForGood)
    return discard(server, CloseReason::kTainted);
  const std::string_view reset = reset_of(server.taint());
  if (in_transaction) server.clean("ROLLBACK", false);
  if (!reset.empty()) server.clean(reset, reset == kResetAll);
  if (in_transaction || !reset.empty()) return move(server, Place::kResting);
  server.release();
  settle(server);
}

void Pool::discard(ServerConnection& server, CloseReason reason) { close(server, reason); }

// A server without a client: idle again, unless something keeps it from serving anybody else.
void Pool::settle(ServerConnection& server) {
  if (server.cancels_in_flight > 0) return move(server, Place::kResting);
  if (paused_) return close(server, CloseReason::kAdmin);
  if (worn_out(server)) {
    close(server, server.close_when_released ? CloseReason::kReconnect : CloseReason::kLifetime);
    return host_.needs_match(*this);
  }
  if (too_many()) return close(server, CloseReason::kSurplus);
  make_idle(server);
}

void Pool::make_idle(ServerConnection& server) {
  server.idle_since = host_.turn().now;
  move(server, Place::kIdle);
  if (!waiters_.empty() || shared_->waiting_workers.load(std::memory_order_relaxed) > 0)
    host_.needs_match(*this);
  publish();
}

void Pool::cancel_ended(ServerConnection& server, bool in_doubt) {
  --server.cancels_in_flight;
  server.close_when_released = server.close_when_released || in_doubt;
  const bool kept_back = server.state() == ServerConnection::State::kIdle &&
                         server.place == static_cast<std::uint8_t>(Place::kResting) &&
                         server.cancels_in_flight == 0;
  if (kept_back) settle(server);
}

// ---- matching ----------------------------------------------------------------------------------

// Of the idle servers at hand, one whose session is as wanted.
ServerConnection* Pool::fitting_server(const server::SettingsRef& wanted) {
  std::size_t seen = 0;
  for (ServerConnection* candidate = idle_.first(); candidate != nullptr && seen < kServersSeen;
       candidate = idle_.next(*candidate), ++seen)
    if (fits(*candidate, wanted)) return candidate;
  return nullptr;
}

// The server suits nobody at the head of the queue. Turning its session into another one and back
// costs every client more than a moment: whoever came not much later and has such a session may
// have it first.
Waiter& Pool::waiter_for(ServerConnection& server) {
  Waiter& first = waiters_.front();
  std::size_t seen = 0;
  for (Waiter* candidate = waiters_.next(first); candidate != nullptr && seen < kWaitersSeen;
       candidate = waiters_.next(*candidate), ++seen)
    if (candidate->waiting_since - first.waiting_since <= kOvertakingUs &&
        fits(server, candidate->wanted_settings()))
      return *candidate;
  return first;
}

void Pool::match() {
  if (paused_) return publish();
  grant_pins();
  lend_to_starving();
  while (!waiters_.empty() && !idle_.empty()) {
    ServerConnection* server = fitting_server(waiters_.front().wanted_settings());
    Waiter& waiter = server != nullptr ? waiters_.front() : waiter_for(idle_.front());
    if (server == nullptr) server = &idle_.front();
    waiters_.remove(waiter);
    const auto waited = static_cast<std::uint64_t>(host_.turn().now - waiter.waiting_since);
    totals_.wait_time_us += waited;
    times_.waits.add(waited);
    move(*server, Place::kLent);
    ++totals_.server_assignment_count;
    waiter.granted(*server);
  }
  open_missing();
  publish();
}

// The owner gives, nobody takes: idle servers go to twins whose clients have waited longer.
void Pool::lend_to_starving() {
  // Our own clients may wait as well; what the others say of themselves is in their cache lines.
  int others = shared_->waiting_workers.load(std::memory_order_relaxed) - (waits_shown_ ? 1 : 0);
  if (others <= 0) return;
  const Micros now = host_.turn().now;
  const Micros own = waiters_.empty() ? now : waiters_.front().waiting_since;
  for (std::size_t worker = 0; worker < kMaxWorkers && others > 0 && !idle_.empty(); ++worker) {
    if (worker == host_.worker_index()) continue;
    const Micros since = shared_->faces[worker].waiting_since.load(std::memory_order_relaxed);
    if (since == 0) continue;
    --others;
    const bool starving = since + kStarvationUs < own;
    const bool to_spare =
        waiters_.empty() && (idle_.size() > 1 || servers_at(Place::kLent).empty());
    if (!starving && !to_spare) continue;
    ServerConnection& server = idle_.back();
    // What it says is heard here, and what it is still sent (the end of a COPY that has failed,
    // which nothing answers) goes out from here.
    if (server.readable() || !server.sent_all()) return;
    idle_.remove(server);
    auto owned = std::move(owned_.extract(&server).mapped());
    publish();
    // Its clients' next look at the face must not send a second one for the same waiter.
    shared_->faces[worker].waiting_since.store(0, std::memory_order_relaxed);
    host_.send_server(*this, worker, std::move(owned));
  }
}

void Pool::adopt(std::unique_ptr<ServerConnection> server) {
  ServerConnection& arrived = *server;
  owned_.emplace(&arrived, std::move(server));
  move(arrived, Place::kIdle);
  if (worn_out(arrived) || !serves_at(arrived.address()))
    return close(arrived, CloseReason::kReconnect);
  if (paused_) return close(arrived, CloseReason::kAdmin);
  publish();
  host_.needs_match(*this);
}

// Shows other workers whether clients wait here and whether an idle server could be spared.
void Pool::publish() {
  SharedPool::Face& face = shared_->faces[host_.worker_index()];
  const Micros since = waiters_.empty() || paused_ ? 0 : waiters_.front().waiting_since;
  if (face.waiting_since.load(std::memory_order_relaxed) != since)
    face.waiting_since.store(since, std::memory_order_relaxed);
  if (waits_shown_ != (since != 0)) {
    waits_shown_ = since != 0;
    shared_->waiting_workers.fetch_add(waits_shown_ ? 1 : -1, std::memory_order_relaxed);
  }
  if (face.has_idle.load(std::memory_order_relaxed) == idle_.empty())
    face.has_idle.store(!idle_.empty(), std::memory_order_relaxed);
  const bool serves = owned_.size() > opening_.size();
  if (face.serves.load(std::memory_order_relaxed) != serves)
    face.serves.store(serves, std::memory_order_relaxed);
  const Micros pin_since = pin_waiters_.empty() || paused_ ? 0 : pin_waiters_.front().waiting_since;
  if (face.pin_waited_since.load(std::memory_order_relaxed) != pin_since)
    face.pin_waited_since.store(pin_since, std::memory_order_relaxed);
}

// ---- administration ----------------------------------------------------------------------------

void Pool::pause(bool paused) {
  paused_ = paused;
  if (paused) {
    while (!idle_.empty()) close(idle_.front(), CloseReason::kAdmin);
    while (!opening_.empty()) close(opening_.front(), CloseReason::kAdmin);
  } else {
    host_.needs_match(*this);
  }
  publish();
}

void Pool::reconnect(CloseReason reason) {
  const auto mark = [](ServerConnection& server) { server.close_when_released = true; };
  while (!idle_.empty()) close(idle_.front(), reason);
  while (!opening_.empty()) close(opening_.front(), reason);
  servers_at(Place::kLent).for_each(mark);
  servers_at(Place::kResting).for_each(mark);
  forget_learned();
  retry_at_ = 0;
  host_.needs_match(*this);
}

void Pool::cut_off(CloseReason reason) {
  while (!idle_.empty()) close(idle_.front(), reason);
  while (!opening_.empty()) close(opening_.front(), reason);
  const auto cut = [this, reason](ServerConnection& server) {
    if (serves_at(server.address())) server.cut_off(reason);
  };
  servers_at(Place::kLent).for_each(cut);
  servers_at(Place::kResting).for_each(cut);
  forget_learned();
}

// Other servers may answer otherwise.
void Pool::forget_learned() {
  welcomes().forget_learned();
  known_answers_.forget_all();
}

void Pool::retry_now() {
  failing_since_ = retry_at_ = retry_delay_ = 0;
  host_.needs_match(*this);
}

ServerConnection* Pool::find(std::uint64_t server_id) {
  for (const auto& [server, owned] : owned_)
    if (server->id() == server_id) return server;
  return nullptr;
}

bool Pool::reconnecting() const {
  return std::ranges::any_of(owned_,
                             [](const auto& entry) { return entry.second->close_when_released; });
}

bool Pool::evict_idle() {
  if (idle_.empty()) return false;
  yielded_at_ = host_.turn().now;
  close(idle_.back(), CloseReason::kSurplus);
  return true;
}

void Pool::close_all(CloseReason reason) {
  while (!owned_.empty()) close(*owned_.begin()->second, reason);
  dedicated_.close_all(reason);
}

void Pool::refuse_all(const wire::ErrorFields& error) {
  while (!waiters_.empty()) waiters_.pop_front().refused(error);
  while (!pin_waiters_.empty()) pin_waiters_.pop_front().refused(error);
  publish();
}

bool Pool::serves_at(const net::Address& address) const {
  return std::ranges::find(target_->addresses, address) != target_->addresses.end();
}

// The server's name has lost addresses: what is connected to those is replaced once it is free.
void Pool::leave_addresses() {
  bool any = false;
  const auto close_now = [&](ServerConnection& server) {
    if (serves_at(server.address())) return;
    any = true;
    close(server, CloseReason::kReconnect);
  };
  const auto close_later = [&](ServerConnection& server) {
    if (serves_at(server.address())) return;
    any = server.close_when_released = true;
  };
  idle_.for_each(close_now);
  opening_.for_each(close_now);
  servers_at(Place::kLent).for_each(close_later);
  servers_at(Place::kResting).for_each(close_later);
  if (any) forget_learned();
}

// What sessions have left to each other is for nobody else.
void Pool::leave_sessions() {
  idle_.for_each([this](ServerConnection& server) {
    if (server.taint() != ServerConnection::Taint::kNone) close(server, CloseReason::kReconnect);
  });
}

void Pool::reconfigure(std::shared_ptr<const server::ServerTarget> target, PoolPolicy policy) {
  const bool other = target->user != target_->user || target->database != target_->database ||
                     target->secret != target_->secret || target->startup != target_->startup ||
                     target->tls != target_->tls;
  const bool elsewhere = std::ranges::none_of(
      target->addresses, [this](const net::Address& address) { return serves_at(address); });
  target_ = std::move(target);
  policy_ = std::move(policy);
  if (elsewhere) retry_now();
  if (other) reconnect(CloseReason::kReconnect);
  if (!pools_sessions()) leave_sessions();
  leave_addresses();
  while (too_many() && evict_idle()) {
  }
  host_.needs_match(*this);
}

}  // namespace pgsaba::pool
