// The part of Worker that lets clients in, finds them again and lets them go.
#include <algorithm>

#include "pgsaba/base/log.h"
#include "pgsaba/config/config.h"
#include "pgsaba/wire/sqlstate.h"
#include "pgsaba/worker/client_number.h"
#include "pgsaba/worker/worker.h"
#include "worker/acceptor.h"
#include "worker/cancel_desk.h"
#include "worker/errors.h"
#include "worker/found_secrets.h"
#include "worker/listen_desk.h"
#include "worker/peer_desk.h"
#include "worker/socket_options.h"

namespace pgsaba::worker {

using session::ClientSession;
using session::Phase;

namespace {

constexpr int kAcceptsPerTurn = 64;
constexpr std::int64_t kSpareConnections = 100;
constexpr Micros kPresenceUs = 100 * kMillisecond;

}  // namespace

// ---- arrival -----------------------------------------------------------------------------------

void Worker::accept_clients() {
  const net::SocketOptions options = socket_options(picture_->config->tcp);
  for (const auto& acceptor : acceptors_) {
    if (!acceptor->take_waiting()) continue;
    for (int i = 0; i < kAcceptsPerTurn; ++i) {
      const net::Socket socket = turn_.network.accept(acceptor->listener(), options);
      if (socket == net::kNoSocket) break;
      place_client(socket);
    }
  }
}

// A client stays with its worker for life, so it begins where there are fewest.
void Worker::place_client(net::Socket socket) {
  std::size_t chosen = index_;
  for (std::size_t i = 0; i < process_.loads.size(); ++i)
    if (*process_.loads[i] < *process_.loads[chosen]) chosen = i;
  ++*process_.loads[chosen];
  if (chosen == index_) return add_client(socket);
  process_.mailboxes[chosen]->post(NewClient{socket});
}

// More connections than clients are allowed, and some for consoles and logins that will fail.
bool Worker::crowded() const {
  const auto limit = static_cast<std::int64_t>(picture_->config->limits.max_client_connections);
  const std::int64_t spare = std::max<std::int64_t>(kSpareConnections, limit / 10);
  std::int64_t connections = 0;
  for (const auto& load : process_.loads) connections += *load;
  return connections > limit + spare;
}

// Whoever has not proven who they are must not keep others out: the one that has taken longest
// goes.
void Worker::end_slowest_login() {
  Sessions& logins = sessions_in(Phase::kLogin);
  for (ClientSession* session = logins.first(); session != nullptr;
       session = logins.next(*session)) {
    const bool proven = session->state() == ClientSession::State::kWelcome;
    if (!proven) return session->end(session::EndReason::kLimit, errors::too_many_logins());
  }
}

void Worker::add_client(net::Socket socket) {
  if (crowded()) end_slowest_login();
  const std::uint32_t id = new_client_id();
  auto client = std::make_unique<ClientSession>(*this, id, socket);
  sessions_in(Phase::kLogin).push_back(*client);
  ClientSession& session = *clients_.emplace(id, std::move(client)).first->second;
  count_login(session);
}

// Until it has logged in.
void Worker::count_login(ClientSession& session) {
  const std::int32_t limit = picture_->config->limits.max_logins_per_address;
  if (limit == 0) return;
  const net::Address& from = session.peer();
  if (from.is_unix()) return;
  if (!process_.logins.take(from.host(), limit))
    return session.end(session::EndReason::kLimit,
                       errors::too_many_logins_from(from.host(), limit));
  counted_logins_.emplace(session.id(), from.host());
}

std::uint32_t Worker::new_client_id() {
  std::uint32_t id = 0;
  do {
    next_client_ = sequence_after(next_client_);
    id = (static_cast<std::uint32_t>(index_) << kWorkerShift) | next_client_;
  } while (clients_.contains(id));
  return id;
}

ClientSession* Worker::find_client(std::uint32_t id) {
  const auto found = clients_.find(id);
  return found == clients_.end() ? nullptr : found->second.get();
}

std::optional<wire::ErrorFields> Worker::may_log_in(std::string_view database) {
  if (stopping_) return errors::shutting_down();
  if (config::find_database(*picture_->config, database) == nullptr)
    return errors::no_such_database(database);
  if (picture_->disabled.contains(database)) return errors::database_disabled(database);
  return std::nullopt;
}

session::Account& Worker::account_of(const std::string& database, const std::string& user) {
  auto& place = accounts_[{database, user}];
  if (!place) {
    place = std::make_unique<session::Account>();
    place->database = database;
    place->user = user;
    refresh_account(*place);
  }
  return *place;
}

session::Admission Worker::admit(std::string_view database, std::string_view user) {
  session::Account& account = account_of(std::string(database), std::string(user));
  ClientCounters& counters = process_.clients;
  const std::int32_t total_limit = picture_->config->limits.max_client_connections;
  const std::int32_t database_limit = account.limits.max_db_client_connections;
  const std::int32_t user_limit = account.limits.max_user_client_connections;
  if (!counters.total().take(total_limit))
    return {nullptr, errors::too_many_clients("max_client_connections", total_limit)};
  if (!counters.of_database(account.database).take(database_limit)) {
    counters.total().give();
    return {nullptr, errors::too_many_clients("max_db_client_connections", database_limit)};
  }
  if (!counters.of_user(account.user).take(user_limit)) {
    counters.total().give();
    counters.of_database(account.database).give();
    return {nullptr, errors::too_many_clients("max_user_client_connections", user_limit)};
  }
  if (account.clients++ == 0 && account.pool != nullptr) account.pool->client_joined();
  return {&account};
}

void Worker::dismiss(session::Account& account) {
  process_.clients.total().give();
  process_.clients.of_database(account.database).give();
  process_.clients.of_user(account.user).give();
  if (--account.clients == 0 && account.pool != nullptr) account.pool->client_left();
}

bool Worker::seeks_secrets(std::string_view database) {
  const config::Config& config = *picture_->config;
  if (config::is_admin_database(database))
    return !config.auth.user.empty() && !config.auth.dbname.empty();
  const config::DatabaseSettings* settings = config::find_database(config, database);
  return settings != nullptr && (!config.auth.user.empty() || !settings->auth_user.empty());
}

void Worker::seek_secret(ClientSession& session) {
  process_.control->secret_wanted(index_, session.id(), session.database(), session.user());
}

void Worker::doubt_secret(const ClientSession& session) {
  process_.control->secret_doubted(session.database(), session.user());
}

// Its servers are logged in to with it, too.
void Worker::on_mail(SecretFound& mail) {
  ClientSession* client = find_client(mail.client);
  if (client == nullptr) return;
  auto secret = auth::parse_secret(mail.secret);
  const bool usable = !mail.secret.empty() && secret.ok();
  if (usable) keep_secret({client->database(), client->user()}, *secret);
  client->secret_found(usable ? &*secret : nullptr, mail.error);
}

void Worker::keep_secret(const std::pair<std::string, std::string>& who,
                         const auth::Secret& secret) {
  std::vector<FoundSecrets::Who> dropped;
  if (found_secrets_->keep(who, secret, turn_.now, dropped)) dropped.push_back(who);
  for (const FoundSecrets::Who& changed : dropped) secret_changed(changed);
}

void Worker::secret_changed(const std::pair<std::string, std::string>& who) {
  for (const auto& [key, pool] : pools_)
    if (key.database == who.first && key.user == who.second)
      if (auto target = target_of(key)) pool->reconfigure(std::move(target), policy_of(key));
}

// Whoever is connected, or has a server, may need another server at any time.
void Worker::forget_secrets() {
  if (found_secrets_->empty() || turn_.now < next_forgetting_) return;
  constexpr Micros kLongestPause = 10 * kSecond;
  constexpr Micros kShortestPause = 100 * kMillisecond;
  const Micros limit = picture_->config->auth.secret_ttl_us;
  next_forgetting_ = turn_.now + std::clamp(limit / 2, kShortestPause, kLongestPause);
  for (const auto& [who, account] : accounts_)
    if (account->clients > 0) found_secrets_->used(who, turn_.now);
  for (const auto& [key, pool] : pools_)
    if (!pool->unused()) found_secrets_->used({key.database, key.user}, turn_.now);
  for (const FoundSecrets::Who& gone : found_secrets_->forget(turn_.now, limit))
    secret_changed(gone);
}

// Its servers may want the same.
void Worker::password_known(const ClientSession& session, auth::SecretBytes password) {
  keep_secret({session.database(), session.user()}, auth::PlainSecret{std::move(password)});
}

void Worker::inquire(ClientSession& session, const auth::Inquiry& inquiry) {
  if (process_.inquirer != nullptr)
    return process_.inquirer->inquire(index_, session.id(), inquiry);
  mailbox_.post(InquiryAnswered{session.id(), auth::answer(inquiry)});
}

void Worker::check_password(ClientSession& session, auth::PasswordCheck check,
                            std::weak_ptr<const bool> wanted) {
  if (process_.password_judge == nullptr) return mailbox_.post(PasswordJudged{session.id(), false});
  process_.password_judge->check_password(index_, session.id(), std::move(check),
                                          std::move(wanted));
}

// ---- the brake ---------------------------------------------------------------------------------

// Empty: not braked. A proxy of this machine stands for many, as a Unix socket does.
std::string Worker::brake_name(const ClientSession& session) const {
  const net::Address& from = session.peer();
  if (from.is_unix() || from.family() == net::Address::Family::kNone) return {};
  const std::string host = from.host();
  if (host == turn_.network.local_address(session.socket()).host()) return {};
  return auth::brake_name(host, session.user());
}

session::SessionHost::Brake Worker::brake(ClientSession& session) {
  const Micros longest = picture_->config->auth.failure_pause_us;
  const std::string name = longest == 0 ? std::string() : brake_name(session);
  if (name.empty()) return Brake::kNone;
  constexpr Micros kPatience = 60 * kSecond;
  const Micros limit = picture_->config->timeouts.client_login_us;
  const auto wait = process_.brake.admit(name, turn_.now, longest, limit > 0 ? limit : kPatience);
  if (!wait) return Brake::kRefuse;
  if (*wait == 0) return Brake::kNone;
  braked_.emplace(turn_.now + *wait, session.id());
  return Brake::kWait;
}

void Worker::password_was(const ClientSession& session, bool right) {
  const Micros longest = picture_->config->auth.failure_pause_us;
  const std::string name = longest == 0 ? std::string() : brake_name(session);
  if (name.empty()) return;
  if (right) return process_.brake.passed(name);
  process_.brake.failed(name, turn_.now, longest);
}

void Worker::release_brakes() {
  while (!braked_.empty() && braked_.begin()->first <= turn_.now) {
    const std::uint32_t id = braked_.begin()->second;
    braked_.erase(braked_.begin());
    if (ClientSession* client = find_client(id)) client->brake_released();
  }
}

// ---- lists and departure -----------------------------------------------------------------------

void Worker::phase_changed(ClientSession& session, Phase from, Phase to) {
  if (from == Phase::kLogin && !counted_logins_.empty())
    if (const auto counted = counted_logins_.extract(session.id()); !counted.empty())
      process_.logins.give(counted.mapped());
  sessions_in(from).remove(session);
  sessions_in(to).push_back(session);
  if (moving_out_ && to == Phase::kIdle) departing_.push_back(session.id());
  logged_in_since_ = logged_in_since_ || from == Phase::kLogin;
}

void Worker::hung_up(ClientSession& session) { hung_up_.push_back({session.id(), turn_.now}); }

// A tick later: most have their answers by then.
void Worker::look_for_clients() {
  for (const HungUp& one : std::exchange(hung_up_, {})) {
    ClientSession* client = find_client(one.client);
    if (client == nullptr) continue;
    if (turn_.now - one.since < kPresenceUs || !client->ask_presence()) hung_up_.push_back(one);
  }
}

void Worker::bury(ClientSession& session) {
  sessions_in(Phase::kIdle).remove(session);  // where closed sessions are counted
  auto node = clients_.extract(session.id());
  turn_.dead.push_back(std::move(node.mapped()));
  --*process_.loads[index_];
}

void Worker::log_client(const ClientSession& session, std::string_view event) {
  const config::Log& wanted = picture_->config->log;
  if (event == "logged in" && !wanted.connections) return;
  if (session.is_ending() && !wanted.disconnections) return;
  log_line(session, event);
}

// With what the client is not told.
void Worker::error_told(const ClientSession& session, const wire::ErrorFields& error,
                        std::string_view for_log) {
  errors_told_.count(error.sqlstate);
  if (!picture_->config->log.pooler_errors) return;
  std::string line = "error " + error.sqlstate + ": " + error.message;
  if (!for_log.empty()) line.append(" (").append(for_log).append(")");
  log_line(session, line);
}

void Worker::log_line(const ClientSession& session, std::string_view event) const {
  log::info("C-{} {}/{}@{} {}", session.id(), session.database(), session.user(),
            session.peer().to_string(), event);
}

void Worker::log_tls_failure(const ClientSession& session, std::string_view why) {
  constexpr std::uint32_t kLinesPerSecond = 10;
  if (tls_failures_ == 0) tls_failures_since_ = turn_.now;
  if (++tls_failures_ <= kLinesPerSecond) log_client(session, why);
  if (tls_failures_ == kLinesPerSecond)
    log::warning("more clients fail to use TLS; they are counted for the rest of the second");
}

void Worker::report_tls_failures() {
  constexpr std::uint32_t kLinesPerSecond = 10;
  if (tls_failures_ == 0 || turn_.now - tls_failures_since_ < kSecond) return;
  if (tls_failures_ > kLinesPerSecond)
    log::warning("{} more clients failed to use TLS", tls_failures_ - kLinesPerSecond);
  tls_failures_ = 0;
}

// ---- the admin console -------------------------------------------------------------------------

bool Worker::console_open(ClientSession& session) {
  const config::Admin& admin = picture_->config->admin;
  const auto named = [&](const std::vector<std::string>& users) {
    return std::ranges::find(users, session.user()) != users.end();
  };
  const bool full = named(admin.users) || session.from_owner();
  if (!full && !named(admin.stats_users)) return false;
  process_.control->console_opened(index_, session.id(), session.user(), full);
  return true;
}

void Worker::console_input(ClientSession& session, Bytes frame) {
  process_.control->console_frame(index_, session.id(), std::string(text_of(frame)));
}

void Worker::console_closed(ClientSession& session) {
  process_.control->console_closed(index_, session.id());
}

// ---- cancel requests ---------------------------------------------------------------------------

std::uint32_t Worker::key_pid(std::uint32_t client) {
  return key_pid_of(client, picture_->config->peer_id);
}

// A peer's request goes there. But its client may have come here with an upgrade, and with the key
// of a process that had another peer_id.
void Worker::cancel(const wire::CancelKey& key) {
  if (const auto forwarded = wire::without_forwarded_mark(key)) return cancel_ours(*forwarded);
  const std::uint32_t own = picture_->config->peer_id;
  const std::uint32_t peer = peer_of_key(key.pid);
  if (own == 0 || peer == own) return cancel_ours(key);
  peer_desk_->forward(peer, key);
  process_.control->cancel_astray(key);
}

// It is not forwarded, or not again.
void Worker::cancel_ours(const wire::CancelKey& key) {
  const std::uint32_t own = picture_->config->peer_id;
  if (own != 0 && peer_of_key(key.pid) != own) {
    peer_desk_->misled();
    return process_.control->cancel_astray(key);
  }
  const std::size_t worker = worker_of_key(key.pid, own);
  if (worker == index_) return cancel_here({key});
  if (worker >= process_.mailboxes.size()) return process_.control->cancel_astray(key);
  process_.mailboxes[worker]->post(CancelOrder{key});
}

// With a peer_id the key has the end of the client's number only: few have the same.
ClientSession* Worker::find_by_key(const CancelOrder& order) {
  const bool whole = order.client != 0 || picture_->config->peer_id == 0;
  const std::uint32_t first = order.client != 0 ? order.client : order.key.pid;
  constexpr std::uint32_t kStep = kKeySequenceMask + 1;
  for (std::uint32_t i = 0; i < (whole ? 1U : (kSequenceMask + 1) / kStep); ++i) {
    const std::uint32_t id = whole ? first
                                   : static_cast<std::uint32_t>(index_) << kWorkerShift |
                                         i * kStep | (first & kKeySequenceMask);
    ClientSession* client = find_client(id);
    if (client != nullptr && client->accepts_key(order.key.secret)) return client;
  }
  return nullptr;
}

void Worker::cancel_here(const CancelOrder& order) {
  ClientSession* client = find_by_key(order);
  if (client == nullptr) {
    if (!order.forwarded) process_.control->cancel_astray(order.key);
    return;
  }
  if (client->state() == ClientSession::State::kConsole)
    return process_.control->console_canceled(index_, client->id());
  cancel_desk_->ask(*client);
}

void Worker::cancel_due(ClientSession& client) { cancel_desk_->ask(client); }

void Worker::listen(ClientSession& session, std::uint32_t ticket,
                    std::optional<std::vector<std::string>> channels) {
  listen_desk_->order({session.account()->database, session.account()->user, session.id(), ticket,
                       std::move(channels)});
}

void Worker::stop_statement(const server::ServerConnection& server) { cancel_desk_->stop(server); }

}  // namespace pgsaba::worker
