// Worker: one thread's clients, pools and servers, and the turn of its loop:
//
//   Mail ▶ Judge (servers, then clients) ▶ Match ▶ Flush ▶ Sweep
//
// Events only record; all work is done in `turn`, in this order. The network and the clock are
// given, so that a simulator can run whole workers. Everything is owned by the worker's thread;
// other threads reach it through its mailbox only.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "pgsaba/auth/scram_key_desk.h"
#include "pgsaba/net/connection.h"
#include "pgsaba/pool/pool.h"
#include "pgsaba/routing/router.h"
#include "pgsaba/session/client_session.h"
#include "pgsaba/session/session_host.h"
#include "pgsaba/stats/tally.h"
#include "pgsaba/worker/mail.h"
#include "pgsaba/worker/picture.h"
#include "pgsaba/worker/process.h"

namespace pgsaba::worker {

class Acceptor;
class CancelDesk;
class FoundSecrets;
class ListenDesk;
class PeerDesk;

class Worker final : public session::SessionHost, public pool::PoolHost {
 public:
  Worker(std::size_t index, net::Network& network, Process& process,
         std::shared_ptr<const Picture> picture, Micros now);
  ~Worker() override;

  Mailbox& mailbox() { return mailbox_; }
  // Clients of this listening socket, which the control thread owns, may be taken from now on.
  void listen(net::Socket listener);

  // One turn; `now` is the time. What to wait for before the next one: `timeout`.
  void run_turn(Micros now);
  Micros timeout(Micros now) const;
  // Shutting down, and nobody is left.
  bool finished() const { return stopping_ && clients_.empty(); }
  // Ends everything at once.
  void end_all();

  // session::SessionHost and pool::PoolHost
  net::Turn& turn() override { return turn_; }
  const config::Config& config() override { return *picture_->config; }
  const auth::UserList& users() override { return *picture_->users; }
  const auth::UserList& previous_users() override { return *picture_->previous_users; }
  const auth::HostAccess* host_access(bool console) override {
    if (console && picture_->console_access != nullptr) return picture_->console_access.get();
    return picture_->host_access.get();
  }
  bool seeks_secrets(std::string_view database) override;
  void seek_secret(session::ClientSession& session) override;
  void doubt_secret(const session::ClientSession& session) override;
  void inquire(session::ClientSession& session, const auth::Inquiry& inquiry) override;
  void check_password(session::ClientSession& session, auth::PasswordCheck check,
                      std::weak_ptr<const bool> wanted) override;
  Brake brake(session::ClientSession& session) override;
  void password_known(const session::ClientSession& session, auth::SecretBytes password) override;
  void password_was(const session::ClientSession& session, bool right) override;
  const auth::ClientLoginSettings& login_settings() override { return process_.login_settings; }
  const net::TlsContext* client_tls() override { return picture_->client_tls.get(); }
  auth::ScramKeyDesk& scram_keys() override { return scram_keys_; }
  server::SettingsTable& settings() override { return settings_; }
  server::CustomNames& custom_names() override { return process_.custom_names; }
  server::PreparedTable& prepared_statements() override { return process_.prepared_statements; }
  std::optional<wire::ErrorFields> may_log_in(std::string_view database) override;
  session::Admission admit(std::string_view database, std::string_view user) override;
  void dismiss(session::Account& account) override;
  pool::Pool* route(session::Account& account, wire::ErrorFields& why) override;
  session::ReadRoute route_read(session::Account& account,
                                const routing::ReadNeeds& needs) override;
  void want_catalogue(session::Account& account) override;
  void wait_for_spill(session::ClientSession& session) override;
  void spill_ended() override;
  void wait_for_standby(session::ClientSession& session) override;
  bool wait_for_route(session::ClientSession& session, Micros since) override;
  void seek_fate(session::ClientSession& session, const routing::CommitMark& mark,
                 std::uint32_t server) override;
  void leave_databases() override;
  void cancel(const wire::CancelKey& key) override;
  std::uint32_t key_pid(std::uint32_t client) override;
  void stop_statement(const server::ServerConnection& server) override;
  void cancel_due(session::ClientSession& session) override;
  void listen(session::ClientSession& session, std::uint32_t ticket,
              std::optional<std::vector<std::string>> channels) override;
  void hung_up(session::ClientSession& session) override;
  void mark_notifications(session::ClientSession& session, std::uint32_t ticket,
                          std::vector<std::string> channels, const std::string& mark) override;
  void may_leave(session::ClientSession& session) override;
  void arrived(session::ClientSession& session, bool well) override;
  void phase_changed(session::ClientSession& session, session::Phase from,
                     session::Phase to) override;
  void bury(session::ClientSession& session) override;
  void log_client(const session::ClientSession& session, std::string_view event) override;
  void error_told(const session::ClientSession& session, const wire::ErrorFields& error,
                  std::string_view for_log) override;
  void server_error_told(std::string_view sqlstate) override { server_errors_.count(sqlstate); }
  void login_refused(std::string_view method, std::string_view reason) override {
    ++refused_logins_[{method, reason}];
  }
  void log_tls_failure(const session::ClientSession& session, std::string_view why) override;
  bool console_open(session::ClientSession& session) override;
  void console_input(session::ClientSession& session, Bytes frame) override;
  void console_closed(session::ClientSession& session) override;
  std::size_t worker_index() const override { return index_; }
  bool is_paused(const std::string& database) const { return picture_->is_paused(database); }
  std::uint64_t next_id() override { return process_.next_id++; }
  void needs_match(pool::Pool& pool) override;
  void short_of_servers(pool::Pool& pool, pool::SlotRefusal refusal) override;
  void short_of_slots(pool::Pool& pool, pool::SlotRefusal refusal) override;
  void send_server(pool::Pool& pool, std::size_t worker,
                   std::unique_ptr<server::ServerConnection> server) override;
  void server_vanished(const pool::Pool& pool) override;
  bool leads_to_primary(const pool::Pool& pool) const override;
  void log_server(const server::ServerConnection& server, std::string_view event) override;

  // What the connections that listen for clients need.
  std::size_t workers() const { return process_.mailboxes.size(); }
  const Picture& picture() const { return *picture_; }
  void post(std::size_t worker, Mail mail);
  // The account of clients that may all be other workers'.
  session::Account& account_of(const std::string& database, const std::string& user);

  // What cancel requests need.
  session::ClientSession* find_client(std::uint32_t id);
  pool::Pool* find_pool(const pool::PoolKey& key);

 private:
  using Sessions = IntrusiveList<session::ClientSession, &session::ClientSession::phase_hook>;

  // worker.cc
  void take_mail();
  void on_mail(NewPicture& mail);
  void on_mail(StandbyProgress& mail);
  void on_mail(SnapshotRequest& mail);
  void on_mail(ConsoleOutput& mail);
  void on_mail(Reconnect& mail);
  void on_mail(Kill& mail);
  void on_mail(Shutdown& mail);
  void on_mail(MoveOut& mail);
  void on_mail(DepartureAnswered& mail);
  void on_mail(ClientArrives& mail);
  void on_mail(ArrivalDecided& mail);
  void on_mail(Heirloom& mail);
  void on_mail(KeysDerived& mail);
  void on_mail(InquiryAnswered& mail);
  void on_mail(PasswordJudged& mail);
  void on_mail(SecretFound& mail);
  void on_mail(FateKnown& mail);
  void on_mail(HandshakeComputed& mail);
  void on_mail(NewClient& mail);
  void on_mail(CancelOrder& mail);
  void on_mail(ListenOrder& mail);
  void on_mail(ListenAnswer& mail);
  void on_mail(Notification& mail);
  void on_mail(ListenGap& mail);
  void on_mail(WantServer& mail);
  void on_mail(EvictIdle& mail);
  void on_mail(LeaveDatabases& mail);
  void on_mail(ServerArrives& mail);
  void match_pools();
  void tick();
  void expire_sessions();
  void release_brakes();
  void look_for_clients();
  // Of a database and a user.
  void keep_secret(const std::pair<std::string, std::string>& who, const auth::Secret& secret);
  void forget_secrets();
  // Their servers are logged in to with another one from now on.
  void secret_changed(const std::pair<std::string, std::string>& who);
  void count_login(session::ClientSession& session);
  std::string brake_name(const session::ClientSession& session) const;
  void tick_pools();
  void tick_some_pools();
  bool droppable(const pool::Pool& pool) const;
  void drop_pool(pool::Pool& pool);
  void wind_down();
  bool winding_down() const;
  void end_all_in(session::Phase phase);

  // worker_clients.cc
  void accept_clients();
  void place_client(net::Socket socket);
  void add_client(net::Socket socket);
  bool crowded() const;
  void end_slowest_login();
  std::uint32_t new_client_id();
  Sessions& sessions_in(session::Phase phase) { return sessions_[static_cast<std::size_t>(phase)]; }
  void log_line(const session::ClientSession& session, std::string_view event) const;
  void report_tls_failures();
  session::ClientSession* find_by_key(const CancelOrder& order);
  void cancel_ours(const wire::CancelKey& key);
  void cancel_here(const CancelOrder& order);
  void count_cancels(stats::WorkerSnapshot& shot);

  // worker_moves.cc
  void look_for_departures();
  void move_clients_out();
  void offer(session::ClientSession& session);
  void let_go(session::ClientSession& session);
  void give_up_departures();
  bool all_left() const;
  void send_heirlooms();

  // worker_pools.cc
  void close_unused_servers();
  pool::Pool* pool_for(const pool::PoolKey& key);
  const std::vector<net::Address>* addresses_of(const pool::PoolKey& key) const;
  std::shared_ptr<const server::ServerTarget> target_of(const pool::PoolKey& key) const;
  pool::PoolPolicy policy_of(const pool::PoolKey& key) const;
  routing::Route server_for(const config::DatabaseSettings& database,
                            const std::string& user) const;
  void reconfigure_pools();
  void end_strays();
  void tell_of_waiting(pool::Pool& pool);
  void find_floors();
  void keep_floors();
  void refresh_account(session::Account& account);
  void refresh_accounts();

  // worker_reads.cc
  struct ClusterReads;
  ClusterReads& reads_of(const std::string& cluster);
  void refresh_reads();
  void refresh_reads(session::Account& account, const config::DatabaseSettings& database);
  void refresh_rules(session::Account& account);
  void look_again();
  void wake_parked();
  void wake_spilling(std::size_t count);
  void note_unrouted(session::Account& account, bool soon) const;
  void wake_unrouted();
  void follow_routes();
  void ask_for_roles();
  void take_news(const routing::Topology& before);
  void leave_disabled(const Picture& before);

  // worker_snapshot.cc
  void list_clients();
  std::map<const pool::Pool*, std::uint32_t> count_clients(stats::WorkerSnapshot& shot);
  void add_access(stats::WorkerSnapshot& shot);
  stats::WorkerSnapshot snapshot(stats::Detail detail);

  std::size_t index_;
  Process& process_;
  std::shared_ptr<const Picture> picture_;
  std::shared_ptr<const sql::AccessRules> access_rules_;  // of the picture's configuration
  std::vector<std::string> floors_;  // databases whose servers are there before any client
  net::Turn turn_;
  Mailbox mailbox_;
  auth::ScramKeyDesk scram_keys_;
  server::SettingsTable settings_;
  const std::unique_ptr<FoundSecrets> found_secrets_;
  Micros next_forgetting_ = 0;                                     // of those
  std::unordered_map<std::uint32_t, std::string> counted_logins_;  // where they come from
  std::multimap<Micros, std::uint32_t> braked_;  // logins by the time they may go on
  struct HungUp {
    std::uint32_t client = 0;
    Micros since = 0;
  };
  std::vector<HungUp> hung_up_;  // and owed answers; whether they are still there was not asked
  std::vector<std::unique_ptr<Acceptor>> acceptors_;
  std::map<std::pair<std::string, std::string>, std::unique_ptr<session::Account>> accounts_;
  std::map<pool::PoolKey, std::unique_ptr<pool::Pool>> pools_;
  std::map<std::string, stats::TrafficTotals> retired_totals_;  // by database, of dropped pools
  std::map<std::string, stats::TrafficTimes> retired_times_;
  std::map<std::string, std::unique_ptr<ClusterReads>> reads_;  // by cluster
  std::map<std::string, routing::LeaseCounts> lease_counts_;    // by database
  std::map<std::string, session::PinCounts> pin_counts_;        // by database
  std::set<std::string> doubted_;                               // clusters: connections broke there
  std::vector<std::uint32_t> unrouted_;                         // clients that no server serves
  std::vector<std::uint32_t> parked_;                           // clients that wait for a standby
  Micros next_wake_ = 0;                                        // of those
  std::deque<std::uint32_t> spilling_;                          // that wait for the primary
  std::size_t wake_spilling_ = 0;                               // of these: there is room
  std::vector<pool::Pool*> to_match_;
  std::vector<pool::Pool*> watched_;   // looked at in every tick
  std::vector<pool::Pool*> starving_;  // clients wait, every slot is taken: others may help
  pool::PoolKey last_ticked_;          // of those that are looked at now and then
  std::unordered_map<std::uint32_t, std::unique_ptr<session::ClientSession>> clients_;
  std::array<Sessions, 6> sessions_;  // by Phase
  std::uint32_t next_client_ = 0;
  std::unique_ptr<CancelDesk> cancel_desk_;
  struct Listing;
  std::deque<Listing> listings_;  // clients being listed, some per turn
  std::unique_ptr<ListenDesk> listen_desk_;
  std::unique_ptr<PeerDesk> peer_desk_;
  stats::Tally errors_told_;    // of ours, by SQLSTATE
  stats::Tally server_errors_;  // of servers'
  std::map<std::pair<std::string_view, std::string_view>, std::uint64_t> refused_logins_;
  // Of this second: what anybody may bring about without a login must not fill the log.
  std::uint32_t tls_failures_ = 0;
  Micros tls_failures_since_ = 0;
  Micros leaves_databases_until_ = 0;
  Micros next_tick_ = 0;
  Micros shortest_idle_us_ = 0;  // of the accounts' client_idle limits; 0: none has one
  bool stopping_ = false;
  ShutdownMode shutdown_ = ShutdownMode::kWaitForClients;  // while stopping
  bool drained_told_ = false;
  bool has_strays_ = false;  // clients of a database that is gone, in a transaction
  // While another process takes over.
  bool moving_out_ = false;
  bool logged_in_since_ = false;                     // somebody, since heirlooms were sent
  std::deque<std::uint32_t> departing_;              // clients that came to rest
  std::map<std::uint32_t, Micros> leaving_;          // offered, and since when
  std::vector<std::uint32_t> may_leave_;             // the other process has them
  std::map<std::uint32_t, std::uint32_t> arriving_;  // with their numbers in the other process
  Micros next_look_ = 0;
  std::uint64_t moved_in_ = 0;
  std::uint64_t moved_out_ = 0;
};

}  // namespace pgsaba::worker
