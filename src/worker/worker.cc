#include "pgsaba/worker/worker.h"

#include <algorithm>

#include "pgsaba/base/log.h"
#include "pgsaba/routing/access_lists.h"
#include "pgsaba/wire/sqlstate.h"
#include "worker/acceptor.h"
#include "worker/cancel_desk.h"
#include "worker/cluster_reads.h"
#include "worker/errors.h"
#include "worker/found_secrets.h"
#include "worker/listen_desk.h"
#include "worker/listing.h"
#include "worker/peer_desk.h"

namespace pgsaba::worker {

using session::ClientSession;
using session::Phase;

namespace {

constexpr Micros kTickUs = 100 * kMillisecond;
// How often other workers are asked again while clients starve.
constexpr Micros kStarvingTickUs = pool::Pool::kStarvationUs;

constexpr std::size_t kTicksPerRound = 10;  // through all pools
constexpr std::size_t kLeastPoolsPerTick = 16;
constexpr std::size_t kMostDropsPerTick = 8;  // each looks at all accounts

auth::ScramKeyDesk::Send key_orders(const Process& process, std::size_t worker) {
  if (process.key_maker == nullptr) return {};
  return [maker = process.key_maker, worker](auth::ScramKeyDesk::Order order,
                                             const auth::ScramKeyRequest& request) {
    maker->order_keys(worker, order, request);
  };
}

}  // namespace

Worker::Worker(std::size_t index, net::Network& network, Process& process,
               std::shared_ptr<const Picture> picture, Micros now)
    : index_(index),
      process_(process),
      picture_(std::move(picture)),
      access_rules_(routing::access_rules(picture_->config->routing)),
      turn_(network),
      mailbox_(network),
      scram_keys_(key_orders(process, index)),
      found_secrets_(std::make_unique<FoundSecrets>()),
      cancel_desk_(std::make_unique<CancelDesk>(*this)),
      listen_desk_(std::make_unique<ListenDesk>(*this)),
      peer_desk_(std::make_unique<PeerDesk>(*this)) {
  turn_.now = now;
  next_tick_ = now + kTickUs;
  if (HandshakeMaker* maker = process.handshake_maker)
    turn_.handshakes.send_to([maker, index](net::HandshakeStep step) {
      maker->order_handshake(index, std::move(step));
    });
  find_floors();
  keep_floors();
}

Worker::~Worker() { end_all(); }

void Worker::listen(net::Socket listener) {
  acceptors_.push_back(std::make_unique<Acceptor>(listener));
  turn_.network.watch_listener(listener, *acceptors_.back());
}

// ---- the turn ----------------------------------------------------------------------------------

void Worker::run_turn(Micros now) {
  turn_.now = now;
  take_mail();
  if (!parked_.empty() && now >= next_wake_) wake_parked();
  if (wake_spilling_ > 0) wake_spilling(wake_spilling_);
  accept_clients();
  turn_.step_all();
  match_pools();
  if (now >= next_tick_) tick();
  if (stopping_) wind_down();
  if (!listings_.empty()) list_clients();
  turn_.flush_all();
  if (moving_out_ || !may_leave_.empty()) move_clients_out();
  turn_.sweep();
}

Micros Worker::timeout(Micros now) const {
  if (turn_.work_left() || !to_match_.empty() || !listings_.empty() || wake_spilling_ > 0) return 0;
  const Micros next = parked_.empty() ? next_tick_ : std::min(next_tick_, next_wake_);
  if (!starving_.empty()) return std::min(kStarvingTickUs, next - now);
  return std::max<Micros>(0, next - now);
}

void Worker::match_pools() {
  for (pool::Pool* pool : std::exchange(starving_, {})) {
    pool->starves = false;
    if (!pool->waiters().empty()) needs_match(*pool);
  }
  while (!to_match_.empty()) {
    const std::vector<pool::Pool*> pools = std::exchange(to_match_, {});
    for (pool::Pool* pool : pools) {
      pool->match_pending = false;
      pool->match();
    }
  }
}

void Worker::tick() {
  next_tick_ = turn_.now + kTickUs;
  tick_pools();
  tick_some_pools();
  look_again();
  wake_unrouted();
  wake_spilling(spilling_.size());
  ask_for_roles();
  expire_sessions();
  release_brakes();
  if (has_strays_) end_strays();
  look_for_clients();
  forget_secrets();
  report_tls_failures();
  if (turn_.now < leaves_databases_until_) close_unused_servers();
  cancel_desk_->tick();
  peer_desk_->tick();
  listen_desk_->tick(picture_->config->timeouts.server_connect_us);
  match_pools();
}

// Each list is in the order of its times: only its front is looked at.
void Worker::expire_sessions() {
  const config::Timeouts& timeouts = picture_->config->timeouts;
  Sessions& logins = sessions_in(Phase::kLogin);
  while (timeouts.client_login_us > 0 && !logins.empty() &&
         turn_.now - logins.front().connected_at() >= timeouts.client_login_us) {
    ClientSession& late = logins.front();
    const pool::Pool* pool = late.account() == nullptr ? nullptr : late.account()->pool;
    late.end(session::EndReason::kLoginTimeout,
             errors::login_timeout(pool == nullptr ? nullptr : pool->last_failure()));
  }
  sessions_in(Phase::kLinked).for_each([this](ClientSession& session) {
    session.check_limits(turn_.now);
  });
  if (shortest_idle_us_ == 0) return;
  Sessions& idle = sessions_in(Phase::kIdle);
  for (ClientSession* session = idle.first(); session != nullptr;) {
    ClientSession& candidate = *session;
    const Micros time = turn_.now - candidate.idle_since();
    if (time < shortest_idle_us_) return;
    session = idle.next(candidate);
    candidate.check_idle(turn_.now);
  }
}

// Pools that have something to lose in a fraction of a second.
void Worker::tick_pools() {
  for (pool::Pool* pool : std::exchange(watched_, {})) {
    pool->watched = false;
    pool->tick(turn_.now);
    if (pool->urgent() && !std::exchange(pool->watched, true)) watched_.push_back(pool);
  }
}

// All others have a turn within a second, so that thousands of idle pools cost no query its time.
void Worker::tick_some_pools() {
  const std::size_t share =
      std::min(pools_.size(), std::max(kLeastPoolsPerTick, pools_.size() / kTicksPerRound + 1));
  std::size_t dropped = 0;
  auto at = pools_.upper_bound(last_ticked_);
  for (std::size_t i = 0; i < share; ++i) {
    if (at == pools_.end()) at = pools_.begin();
    pool::Pool& pool = *at->second;
    last_ticked_ = at->first;
    if (!pool.watched) pool.tick(turn_.now);
    tell_of_waiting(pool);
    const bool drop = dropped < kMostDropsPerTick && droppable(pool);
    if (drop) drop_pool(pool);
    dropped += drop ? 1 : 0;
    at = drop ? pools_.erase(at) : std::next(at);
  }
}

bool Worker::droppable(const pool::Pool& pool) const {
  if (!pool.unused() || pool.match_pending || pool.watched || pool.starves) return false;
  if (config::find_database(*picture_->config, pool.key().database) == nullptr) return true;
  const Micros limit = picture_->config->timeouts.autodb_idle_us;
  return limit > 0 && turn_.now - pool.used_at() >= limit;
}

// Before it is destroyed: nobody must remember it, and counters never run backwards.
void Worker::drop_pool(pool::Pool& pool) {
  for (const auto& [key, account] : accounts_) account->forget(pool);
  retired_totals_[pool.key().database] += pool.totals();
  retired_times_[pool.key().database] += pool.times();
}

void Worker::end_all_in(Phase phase) {
  Sessions& sessions = sessions_in(phase);
  while (!sessions.empty())
    sessions.front().end(session::EndReason::kShutdown, errors::shutting_down());
}

// Whoever comes to rest is let go; only where the shutdown waits for clients, they go themselves.
void Worker::wind_down() {
  end_all_in(Phase::kLogin);
  if (shutdown_ != ShutdownMode::kWaitForClients) {
    end_all_in(Phase::kIdle);
    // A transaction is one for its client from BEGIN on, which no server may know of yet. A client
    // that is merely pinned is in none.
    const auto let_go = [](ClientSession& session) {
      if (!session.in_transaction())
        session.end(session::EndReason::kShutdown, errors::shutting_down());
    };
    sessions_in(Phase::kWaiting).for_each(let_go);
    sessions_in(Phase::kLinked).for_each([&](ClientSession& session) {
      if (session.at_rest()) let_go(session);
    });
    // A stream has no end of its own, and its client will come again.
    end_all_in(Phase::kRelay);
  }
  if (!winding_down() && !std::exchange(drained_told_, true))
    process_.control->worker_drained(index_);
}

// Somebody is there whom the shutdown waits for. A console is nobody: it may be what looks on.
bool Worker::winding_down() const {
  return std::ranges::any_of(
      std::array{Phase::kIdle, Phase::kWaiting, Phase::kLinked, Phase::kRelay},
      [this](Phase phase) { return !sessions_[static_cast<std::size_t>(phase)].empty(); });
}

void Worker::end_all() {
  for (Sessions& sessions : sessions_)
    while (!sessions.empty())
      sessions.front().end(session::EndReason::kShutdown, errors::shutting_down());
  for (const auto& [key, pool] : pools_) pool->close_all(server::CloseReason::kShutdown);
  cancel_desk_->close_all();
  peer_desk_->close_all();
  listen_desk_ = std::make_unique<ListenDesk>(*this);
  turn_.sweep();
}

// ---- mail --------------------------------------------------------------------------------------

void Worker::take_mail() {
  for (Mail& mail : mailbox_.take()) std::visit([this](auto& letter) { on_mail(letter); }, mail);
}

// The servers' positions make for a new picture every second; what pools and accounts are made of
// changes rarely.
void Worker::on_mail(NewPicture& mail) {
  const std::shared_ptr<const Picture> before = std::exchange(picture_, std::move(mail.picture));
  if (before->config != picture_->config || before->shared != picture_->shared) {
    access_rules_ = routing::access_rules(picture_->config->routing);
    refresh_accounts();
    find_floors();
  } else if (!before->same_catalogues(*picture_)) {
    for (const auto& [key, account] : accounts_) refresh_rules(*account);
  }
  refresh_reads();
  if (!before->same_for_pools(*picture_)) {
    reconfigure_pools();
    listen_desk_->follow_pauses();
  }
  if (before->config != picture_->config)
    sessions_in(Phase::kLinked).for_each([](ClientSession& session) { session.reloaded(); });
  take_news(*before->topology);
  leave_disabled(*before);
  for (const Phase phase : {Phase::kLogin, Phase::kWaiting})
    sessions_in(phase).for_each([](ClientSession& session) { session.follow_route(); });
  follow_routes();
  keep_floors();
}

void Worker::on_mail(StandbyProgress&) { wake_parked(); }

void Worker::on_mail(ConsoleOutput& mail) {
  ClientSession* client = find_client(mail.client);
  if (client != nullptr && client->state() == ClientSession::State::kConsole)
    client->console_output(bytes_of(mail.bytes), mail.last);
}

void Worker::on_mail(Reconnect& mail) {
  for (const auto& [key, pool] : pools_)
    if (mail.database.empty() || key.database == mail.database)
      pool->reconnect(server::CloseReason::kReconnect);
  listen_desk_->reconnect(mail.database);
}

void Worker::on_mail(Kill& mail) {
  std::vector<ClientSession*> victims;
  for (const auto& [id, client] : clients_) {
    const bool console = client->state() == ClientSession::State::kConsole;
    const bool of_database = mail.client == 0 && !console &&
                             (mail.database.empty() || client->database() == mail.database);
    if (id == mail.client || of_database) victims.push_back(client.get());
  }
  for (ClientSession* victim : victims) victim->end(session::EndReason::kAdmin, errors::killed());
  if (mail.client != 0) return;
  for (const auto& [key, pool] : pools_)
    if (mail.database.empty() || key.database == mail.database)
      pool->close_all(server::CloseReason::kAdmin);
}

void Worker::on_mail(Shutdown& mail) {
  stopping_ = true;
  shutdown_ = mail.mode;
  for (const auto& acceptor : acceptors_) turn_.network.unwatch(acceptor->listener());
  acceptors_.clear();
  if (mail.mode == ShutdownMode::kAtOnce) end_all();
}

void Worker::on_mail(KeysDerived& mail) { scram_keys_.deliver(mail.order, mail.keys); }

void Worker::on_mail(InquiryAnswered& mail) {
  if (ClientSession* client = find_client(mail.client)) client->inquiry_answered(mail.answer);
}

void Worker::on_mail(PasswordJudged& mail) {
  if (ClientSession* client = find_client(mail.client)) client->password_judged(mail.accepted);
}

void Worker::on_mail(FateKnown& mail) {
  if (ClientSession* client = find_client(mail.client)) client->fate_known(mail.xid, mail.fate);
}

void Worker::on_mail(HandshakeComputed& mail) { turn_.handshakes.deliver(std::move(mail.step)); }

void Worker::on_mail(NewClient& mail) { add_client(mail.socket); }

void Worker::on_mail(CancelOrder& mail) { cancel_here(mail); }

void Worker::on_mail(ListenOrder& mail) { listen_desk_->take(mail); }

void Worker::on_mail(ListenAnswer& mail) {
  if (ClientSession* client = find_client(mail.client)) client->listens(mail.ticket, mail.in_force);
}

void Worker::on_mail(Notification& mail) {
  for (const std::uint32_t id : mail.clients)
    if (ClientSession* client = find_client(id)) client->notified(bytes_of(mail.frame));
}

void Worker::on_mail(ListenGap& mail) {
  if (ClientSession* client = find_client(mail.client)) client->notifications_missed();
}

void Worker::post(std::size_t worker, Mail mail) {
  if (worker == index_ || worker >= process_.mailboxes.size())
    return std::visit([this](auto& letter) { on_mail(letter); }, mail);
  process_.mailboxes[worker]->post(std::move(mail));
}

void Worker::on_mail(WantServer& mail) {
  if (pool::Pool* pool = find_pool(mail.key)) pool->lend_to_starving();
}

// Another pool, of another worker or of the same database or user, is at a limit that idle servers
// of ours fill.
void Worker::on_mail(EvictIdle& mail) {
  if (mail.refusal == pool::SlotRefusal::kPool) {
    pool::Pool* twin = find_pool(mail.key);
    if (twin != nullptr && twin->waiters().empty()) twin->evict_idle();
    return;
  }
  const bool by_database = mail.refusal == pool::SlotRefusal::kDatabase;
  for (const auto& [key, pool] : pools_) {
    const bool same = by_database ? key.database == mail.key.database : key.user == mail.key.user;
    if (same && key != mail.key && pool->waiters().empty() && pool->evict_idle()) return;
  }
}

void Worker::on_mail(ServerArrives& mail) {
  pool::Pool* pool = pool_for(mail.key);
  const bool nobody_left = stopping_ && shutdown_ != ShutdownMode::kWaitForClients;
  if (pool == nullptr || nobody_left) {  // null: its database is gone meanwhile
    turn_.network.close(mail.socket);
    process_.slots.pool(mail.key)->give_slot();
    return;
  }
  mail.server->adopt(turn_, *pool, mail.socket);
  pool->adopt(std::move(mail.server));
}

}  // namespace pgsaba::worker
