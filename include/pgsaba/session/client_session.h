// ClientSession: one client from its first byte to its last.
//
//   kStartup ──startup packet──▶ kLogin ──proven──▶ kWelcome ──parameters known──▶ kIdle
//      │ cancel request              │                  (asks a server once)        │  ▲
//      ▼                             ▼ database pgsaba                 first message│  │
//   kClosed                       kConsole                                          ▼  │
//   ReadyForQuery 'I'
//                                                     kWaiting ──server granted──▶ kLinked
//   kBegun: BEGIN was answered, and waits to be sent together with the first statement.
//   kParked: a read waits for a standby to show what it has to see, or no server serves the account
//   (there is no primary); then it asks for a server anew.
//   kWaiting: for a server, or for leave to keep one first (client_pins.cc).
//   kMatching: the server granted has to become another user first; nothing is sent before it did.
//   kSettling: the transaction is over, and the server is asked what is left of it.
//   kLinked beyond a transaction: the client is pinned to its server (pin.h).
//   kRelay: it has a server of its own for replication (relay.h), from kWelcome on to the end.
//   kDoubt: its server died in the middle of a COMMIT, and is asked whether that took effect
//   (client_commit.cc).
//   kOrphaned: its server died inside a transaction; until the client ends the transaction it gets
//   the answers that a failed transaction gives (orphaned_transaction.h).
//   kLeaving: from kIdle or kBegun; another process takes the client over (client_moves.cc).
//   Nothing it says is read. It goes on where it was if the other process does not want it.
//   kArriving: the same client there; from kStartup to kIdle or kBegun, once the first process has
//   let go of it.
//   Every state can end in kClosed; the session is destroyed when the turn ends.
//
// A server is asked for once a message is there as a whole, or so much of it that it has to be
// passed on in pieces.
//
// Owned by a worker; one thread. Bounded: what a waiting client may have sent ahead, what the
// ledger may hold, what may lie unsent.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "pgsaba/auth/client_login.h"
#include "pgsaba/auth/scram_key_desk.h"
#include "pgsaba/net/connection.h"
#include "pgsaba/pool/pool.h"
#include "pgsaba/routing/commit_fate.h"
#include "pgsaba/routing/read_wish.h"
#include "pgsaba/routing/spill.h"
#include "pgsaba/session/end_reason.h"
#include "pgsaba/session/named_statements.h"
#include "pgsaba/session/pin.h"
#include "pgsaba/session/portable_session.h"
#include "pgsaba/session/read_ticket.h"
#include "pgsaba/session/session_host.h"
#include "pgsaba/sql/statement.h"
#include "pgsaba/stats/snapshot.h"
#include "pgsaba/wire/frame.h"
#include "pgsaba/wire/startup.h"

namespace pgsaba::session {

class CommitWatch;
class HeldParameters;
class LeaseTraces;
class OrphanedTransaction;
class Relay;
struct Lesson;
struct Listening;
struct Move;
struct PreparedThere;
struct StateAnswer;
struct UnnamedStatement;

class ClientSession final : public net::Connection,
                            public pool::Waiter,
                            public server::LeaseHolder,
                            private auth::ScramKeyWaiter {
 public:
  enum class State : std::uint8_t {
    kStartup,
    kLogin,
    kWelcome,
    kIdle,
    kBegun,
    kParked,
    kWaiting,
    kMatching,
    kLinked,
    kSettling,
    kDoubt,
    kOrphaned,
    kRelay,
    kConsole,
    kLeaving,
    kArriving,
    kClosed,
  };

  ClientSession(SessionHost& host, std::uint32_t id, net::Socket socket);
  ~ClientSession() override;

  State state() const { return state_; }
  std::uint32_t id() const { return id_; }
  const std::string& user() const;
  const std::string& database() const;
  // Whoever runs this process, on its console.
  bool from_owner() const;
  Account* account() const { return account_; }
  server::ServerConnection* server() const { return server_; }
  // A server of its own, and what for; null and kNone for almost all clients.
  const server::DedicatedConnection* dedicated() const;
  stats::Replication replication() const;
  pool::Pool* lease_pool() const { return lease_pool_; }
  const server::SettingsRef& settings() const { return settings_; }
  Pins pins() const { return pins_; }
  // While it waits to keep a server (Waiter::waits_for_pin): what for.
  Pins waits_to_keep() const { return foreseen_; }
  Micros pinned_at() const { return pinned_at_; }
  // It is pinned and between two transactions, or in one of which nothing was sent yet.
  bool at_rest() const;
  // As far as the client was told.
  bool in_transaction() const { return told_ != wire::TransactionStatus::kIdle; }
  // In a transaction or a statement of which a server knows.
  bool runs() const;
  std::size_t prepared_statement_count() const { return statements_ ? statements_->size() : 0; }
  bool is_ending() const { return reason_ != EndReason::kNone; }
  Micros connected_at() const { return connected_at_; }
  // Where it comes from, also when its connection is broken already.
  const net::Address& peer() const { return peer_; }
  Micros request_at() const { return request_at_; }
  std::uint64_t batches_answered() const { return batches_answered_; }
  Micros idle_since() const { return idle_since_; }
  bool accepts_key(std::string_view secret) const;
  // A cancel request with our key: the server that runs a statement of ours now, or null.
  server::ServerConnection* cancel_target() const;
  // Whether its cancel request has to wait until the server is done with what pgsaba has sent of
  // its own accord before the client's statement. If so, the host hears of it again.
  bool holds_cancel();

  // Ends the session; with an error, the client is told first.
  void end(EndReason reason);
  void end(EndReason reason, const wire::ErrorFields& error, std::string_view for_log = {});
  // The limits that a running or idle transaction has; called by the worker's clock.
  void check_limits(Micros now);
  // It has hung up and is owed answers: it is sent something, for only that tells whether anybody
  // is there to read them. False: now is not the time.
  bool ask_presence();
  // The limit for a client that has no server.
  void check_idle(Micros now);
  // The route may have changed: a client that waits goes to the queue that is right now.
  void follow_route();
  // The limits of its account may be others now.
  void reloaded();
  // What it is parked for may have come, or time has passed: it asks for a server anew.
  void unpark();
  // What `SessionHost::seek_fate` was asked for.
  void fate_known(std::uint64_t xid, routing::Fate fate);
  // What `SessionHost::inquire` was asked for.
  void inquiry_answered(const std::string& answer);
  // What `SessionHost::seek_secret` was asked for; null: there is no such user. `error`: nobody
  // could be asked.
  void secret_found(const auth::Secret* secret, const std::string& error);
  // What `SessionHost::brake` had wait may go on.
  void brake_released();
  // What `SessionHost::check_password` was asked for.
  void password_judged(bool accepted);
  void console_output(Bytes bytes, bool last);

  // Another process could go on with it as it is now.
  bool may_move() const;
  // All that the other process has to know. From here on nothing is read of it.
  PortableSession begin_leaving();
  // The other process has it. SessionHost::may_leave follows, at once or when it has heard what the
  // other one will not tell it.
  void taken();
  // The other process does not have it, and it goes on here. `for_good`: it need not be offered
  // again.
  void stay(bool for_good);
  // The copy of its socket here is given up; the client does not notice.
  void vanish();
  // The other side of that: it is what `from` says. False: it cannot be that here. Otherwise
  // SessionHost::arrived follows.
  bool arrive(PortableSession from, Account& account);
  // The other process has let go of it. `unheard`: without a word more.
  void go_on(bool unheard);
  std::uint32_t key_pid() const { return key_pid_; }

  // Its own server has logged in, or is gone.
  void relay_opens(const wire::ParameterList& parameters) { send_welcome(parameters); }
  void relay_ended();

  // Of SessionHost::listen: what was asked for is in force, or cannot be had.
  void listens(std::uint32_t ticket, bool in_force);
  // A NotificationResponse on a channel that it listens to.
  void notified(Bytes frame);
  // The shared connection was lost for a while.
  void notifications_missed();

  // net::Connection
  void step() override;
  void drained() override;
  // pool::Waiter
  void granted(server::ServerConnection& server) override;
  void refused(const wire::ErrorFields& error) override;
  const server::SettingsRef& wanted_settings() const override { return settings_; }
  // server::LeaseHolder
  void server_sent(Bytes bytes) override;
  void parameter_changed(std::string_view name, std::string_view value) override;
  bool tells_later(std::string_view name, std::string_view value) override;
  void change_undone(std::uint32_t change) override;
  void statements_discarded() override;
  std::string statement_name(std::uint32_t name) override;
  void statement_outdated(std::uint32_t id) override;
  void waits_for_sync() override;
  void setting_done() override;
  bool holds_ready() override;
  // All of it was sent, and nothing behind it.
  bool may_run_elsewhere() const override {
    return !request_.empty() && !again_ && !leaving_ && batches_sent_ > batches_before_lease_;
  }
  bool runs_elsewhere(const wire::ErrorFields& error) override;
  void server_error(const wire::ErrorFields& error) override {
    host_.server_error_told(error.sqlstate);
  }
  void ready_comes(wire::TransactionStatus status) override;
  bool wants_notification(std::string_view channel) override;
  void own_query_done() override { deliver_cancel(); }
  void begun() override;
  void begin_failed(const wire::ErrorFields& error, Bytes frame) override;
  void answered(Bytes bytes) override;
  void answer_complete() override;
  void server_ready() override;
  void server_lost(server::ServerConnection& server, server::CloseReason reason,
                   bool mid_frame) override;
  bool accepts_bytes() const override { return !congested(); }
  void server_drained() override { schedule(); }

  ListHook phase_hook;

 private:
  struct Login;  // what is needed until the session is open

  void transition(State next);
  static Phase phase_of(State state);
  static bool leases_server(State state);
  bool wants_input() const;
  bool takes_messages() const;
  std::size_t consume(Bytes input);
  void fail_protocol(std::string message);

  // client_startup.cc
  std::size_t consume_startup(Bytes input);
  std::size_t on_encryption_request(bool ssl, Bytes input, std::size_t consumed);
  std::size_t begin_direct_tls(Bytes input);
  void tell_refusal() const;
  bool may_use_tls() const;
  config::TlsMode tls_mode() const;
  bool encrypted_as_needed();
  void secured() override;
  void on_startup(const wire::StartupMessage& startup);
  bool negotiate(const wire::StartupMessage& startup);
  bool read_parameters(const wire::StartupMessage& startup);
  bool read_replication(const wire::StartupMessage& startup);
  void login_proven();
  void open_session();
  void choose_application_name();
  void seek_welcome();
  void begin_relay();
  void begin_learning();
  void finish_learning();
  void learn_from(Bytes bytes);
  void append_key(std::string& out) const;
  void spell_encoding(std::string_view canonical);
  void send_welcome(const wire::ParameterList& parameters);

  // client_authentication.cc
  void begin_authentication();
  void authenticate(auth::ClientAuthMethod method);
  bool must_wait();
  void begin_proof(const auth::Secret* secret);
  const auth::HostAccess* access() const;
  void consult_rules();
  void follow_rule(const auth::HbaRule& rule);
  bool certificate_satisfies(const auth::HbaRule& rule);
  void check_peer(const auth::HbaRule& rule);
  void check_by_pam(const auth::HbaRule& rule);
  void check_elsewhere(std::variant<auth::PamCheck, auth::LdapCheck> by, std::string_view who);
  void ask_for_verdict();
  bool hides_passwords() const;
  void inquire(const auth::Inquiry& inquiry, std::optional<std::string>& answer);
  bool awaits_answer() const;
  void on_login_frame(const wire::Piece& piece);
  void follow_login(auth::ClientLoginStep step);
  void keys_derived(const auth::ScramKeys& keys) override;

  // client_answers.cc
  const pool::KnownAnswer* known_answer(std::string_view text);
  void take_over(const pool::KnownAnswer& known);
  bool answer_as_known(std::string_view text);
  bool answer_batch_as_known(Bytes ahead);
  void begin_lesson(std::string_view text);
  void end_lesson();

  // client_requests.cc
  enum class Taken : std::uint8_t { kYes, kNotYet };
  Taken on_frame(const wire::Piece& piece, Bytes ahead);
  void read_query(const wire::Piece& piece);
  static std::string_view text_of_statement(const wire::Piece& piece);
  Taken on_unlinked(const wire::Piece& piece, Bytes ahead);
  bool answer_unlinked(const wire::Piece& piece);
  bool begin_later(std::string_view sql);
  bool end_unbegun(std::string_view sql);
  Taken on_linked(const wire::Piece& piece, Bytes ahead);
  Taken send_on(const wire::Piece& piece, Bytes ahead);
  bool names_have_to_wait(const wire::Piece& piece);
  Taken on_query(const wire::Piece& piece);
  Taken on_execute(const wire::Piece& piece);
  void on_body(const wire::Piece& piece);
  void forward(server::Request request, const wire::Piece& piece);
  void reply(std::string_view frames);
  void count_own_answer(std::size_t bytes);
  wire::TransactionStatus own_status() const;
  bool between_batches() const;
  bool awaits_rest(Bytes ahead) const;

  // client_departure.cc
  void lost_peer();
  void hear_out();
  bool has_said_more();
  Taken leave();
  void end_when_sent();
  bool may_be_told() const;

  // client_names.cc
  NamedStatements& names();
  const NamedStatements::Meaning* find_name(std::string_view name) const;
  server::PreparedRef find_statement(std::string_view name) const;
  bool in_doubt(std::string_view name) const;
  bool uses_doubtful_names(sql::Effects effects, std::string_view sql) const;
  bool deallocates(const wire::Piece& piece) const;
  void answer_deallocate(const wire::Piece& piece);
  std::optional<Taken> refuse_reserved_name(const wire::Piece& piece);
  server::StatementsByName own_names();
  void add_all_names(server::StatementsByName& own) const;
  void shed_foreign_names();
  void note_left(std::string_view name);
  sql::Effects match_names(sql::Effects effects, std::string_view sql);
  void note_portal(std::string_view portal, sql::Effects effects, std::string_view sql);
  Taken leave_names(std::string_view sql);
  void put_there(const sql::NameChanges& changes, std::string_view sql);
  void parse_left(std::string_view name, std::string_view sql);
  server::PreparedRef remember(const PreparedThere& one);
  bool keep_names(const StateAnswer& answer, bool all);
  bool is_new(const PreparedThere& one, const NamedStatements::Meaning* known, bool all) const;
  void forget_absent(const StateAnswer& answer);

  // client_statements.cc
  Taken on_unnamed_parse(const wire::Piece& piece);
  void keep_unnamed_statement(std::string_view rest, const sql::Statement& statement);
  void learn(const server::PreparedStatement& statement, const sql::Statement& read) const;
  sql::Statement read(std::string_view text) const;
  std::uint64_t judge() const;
  sql::Access access_of(const server::PreparedStatement& statement) const;
  static sql::RouteHint hint_of(const server::PreparedStatement& statement) {
    return static_cast<sql::RouteHint>(statement.hint.load(std::memory_order_relaxed));
  }
  void drop_unnamed_statement();
  void match_unnamed_statement();
  Taken on_parse(const wire::Piece& piece);
  Taken on_named_parse(Bytes frame);
  Taken refuse_named_parse();
  Taken on_bind(const wire::Piece& piece);
  Taken bind_unnamed(const wire::Piece& piece, std::string_view portal);
  Taken on_object(const wire::Piece& piece);
  bool is_foreign_name(std::string_view name) const;
  Taken refuse_foreign_name(std::string_view name);
  std::string_view in_own_words(std::string_view rest, bool standard_strings,
                                std::string& room) const;
  server::PreparedRef as_said_now(server::PreparedRef statement);
  bool unnamed_in_doubt() const;

  struct ReadRequest;

  // client_lease.cc
  Taken acquire(Pins keeps, const ReadRequest& read);
  void wait_or_fail(const wire::ErrorFields& why);
  void link(server::ServerConnection& server);
  void matched();
  void resume();
  void unlink();
  void count_request();
  void tell(Bytes bytes);
  void tell_acknowledged();
  Taken on_orphaned(const wire::Piece& piece);

  // client_reads.cc
  struct ReadRequest {
    std::size_t bytes = 0;  // 0: it is no read
    bool repeatable = true;
    routing::LeaseReason why = routing::LeaseReason::kRead;  // it goes where it goes
  };
  ReadRequest as_read(const wire::Piece& piece, Bytes ahead) const;
  ReadRequest read_batch(Bytes ahead, routing::ReadWish wish) const;
  routing::ReadWish wish() const;
  std::optional<routing::LeaseReason> objection(routing::ReadWish wish, sql::RouteHint hint) const;
  std::optional<routing::LeaseReason> objection(const sql::Statement& statement,
                                                std::string_view text,
                                                routing::ReadWish wish) const;
  std::optional<routing::LeaseReason> objection(sql::Access access, sql::RouteHint hint,
                                                routing::ReadWish wish) const;
  std::optional<routing::LeaseReason> objection_to_bind(std::string_view name,
                                                        routing::ReadWish wish) const;
  routing::LeaseReason why_standby() const;
  void note_route(const ReadRequest& read, const ReadRoute& route);
  bool take_spill_place();
  void keep_request(const ReadRequest& read, Bytes ahead);
  void forget_request();
  void run_elsewhere(server::ServerConnection& server);
  void ask_again_elsewhere(const server::ServerConnection& lost);
  void forget_names(Bytes batch);
  bool take_again();
  bool prefers_serializable() const;
  bool begins_read_only() const;
  bool reads(const sql::Statement& statement, std::string_view text, routing::ReadWish wish) const;
  bool executes_read(std::string_view text, routing::ReadWish wish) const;
  sql::Access unnamed_access() const;
  bool runs_on_standby(const wire::Piece& piece) const;
  Taken check_standby(const wire::Piece& piece, Bytes ahead);
  Taken refuse_on_standby(const wire::Piece& piece);
  ReadRoute standby_route();
  bool may_park() const;
  void park();
  void ask_again();
  void ask_primary();
  void note_access(sql::Access access);
  void note_seen();
  void note_written();
  void note_defined();
  void note_notified();

  // client_commit.cc
  std::string_view text_of_request(const wire::Piece& piece) const;
  bool watches_commit(const wire::Piece& piece);
  void commit_asked(Bytes frames);
  bool may_ask_fate(const server::ServerConnection& server) const;
  void seek_fate(std::string what);
  void check_doubt(Micros now);

  // client_state.cc
  LeaseTraces& traces();
  void note_statement(sql::Effects effects, std::string_view text,
                      std::optional<Bytes> bind = std::nullopt);
  void note_dialect(std::string_view name, std::string_view value);
  void reread_settings();
  bool pools_transactions() const { return mode_ != config::PoolMode::kSession; }
  // Under session pooling a lease lasts as long as the client, or until a reload ends the mode.
  bool keeps_session() const {
    return !pools_transactions() && account_->limits.pool_mode == config::PoolMode::kSession;
  }
  void follow_mode(const wire::Piece& piece);
  void leave_session_mode();
  bool sets_nothing() const;
  void hear_of_server(std::string_view name, std::string_view value);
  std::size_t secret_bytes() const { return long_key_ ? secret_.size() : 4; }
  void greet_anew(const server::ServerConnection& server);
  bool is_halfway() const;
  bool is_expected_to_go_on() const;
  bool stalls() const;
  bool lease_is_over() const;
  void end_lease();
  void settle();
  bool wipes_after(sql::Effects effects) const;
  void ask_state();
  void note_hidden_settings();
  void settled();
  void restore_login_settings();
  void restored(Bytes frames);
  std::string_view told_value(std::string_view name) const;
  void tell_held_parameters();
  void finish_lease();
  bool was_set_as_another(sql::Effects effects) const;
  void release_ready();

  // client_sequences.cc
  void note_sequence_read(sql::Effects effects);
  bool reads_sequences() const;
  void forget_foreign_draws();
  sql::Effects guard_sequences(sql::Effects effects, std::string_view text);
  void note_insert(std::string_view text);
  void keep_draws(sql::Effects effects);
  sql::Effects effects_of(const wire::Piece& piece) const;
  std::optional<Taken> take_held(const wire::Piece& piece, Bytes ahead);
  void end_hold();
  bool hold_is_over(Micros idle) const;

  // client_channels.cc
  std::vector<std::string> channels_left(const StateAnswer& answer) const;
  bool hears_otherwise() const;
  bool note_channels(const StateAnswer& answer, bool kept_to_listen);
  bool free_to_hear() const;
  void listen_later(std::vector<std::string> channels);
  void mark_given_up();
  void settle_channels();
  void deliver_notifications();
  void stop_listening();
  void listens_elsewhere(std::vector<std::string> channels);

  // client_moves.cc
  bool is_moving() const { return state_ == State::kLeaving || state_ == State::kArriving; }
  bool learn_statements(const PortableSession& from);
  bool heard_mark(Bytes frame);
  void begin_if_heard();

  // client_pins.cc
  Pins foresee(const wire::Piece& piece) const;
  Pins foresee_named(std::string_view name) const;
  Pins foresee_text(sql::Effects effects, std::string_view text) const;
  std::optional<Taken> reserve_pin(const wire::Piece& piece);
  void refuse_statement(const wire::Piece& piece, const wire::ErrorFields& error);
  void explain_pin(wire::ErrorFields& error) const;
  bool take_lasting_place(bool beyond_the_limit);
  bool take_pin_place();
  bool stay_pinned();
  void count_pins();
  void release_pin();
  void give_up_pin_places();
  void check_pin_limits(Micros now);

  void match_answered(Bytes frames);
  void match_done();
  bool shed_identity();
  void tell_identity();
  void keep_identity();
  sql::IdentityReset waiting_reset();
  void keep_setting(const std::string& name, const std::optional<std::string>& value);
  bool is_forced(std::string_view parameter) const;
  bool strays_from_settings() const;
  void apply_answer(const StateAnswer& answer);
  void abandon_state();
  std::string lost_state();

  void deliver_cancel();
  void part_from_server();
  void give_up(server::ServerConnection& server);

  SessionHost& host_;
  std::uint32_t id_;
  std::uint32_t key_pid_;  // what its cancel key calls it: its number where it logged in
  std::uint64_t number_;   // that no other client ever has
  const net::Address peer_;
  State state_ = State::kStartup;
  EndReason reason_ = EndReason::kNone;
  enum class Body : std::uint8_t { kForward, kDrop, kGather };
  Body body_ = Body::kForward;  // what to do with the rest of a streamed frame
  bool leaving_ = false;        // it said Terminate behind statements that still run
  bool hung_up_told_ = false;   // the host knows that it will say no more
  bool may_commit_ = false;     // what runs now may end the transaction with success
  bool holds_sequence_pin_ = false;
  bool foresees_ = false;  // of some statement of its own it was to be seen that it may pin
  bool cancel_held_ = false;
  bool long_key_ = false;           // it was given all of `secret_`
  bool adopts_statements_ = false;  // from a session that was its own, once it is known
  config::PoolMode mode_ = config::PoolMode::kTransaction;  // of its lease, or of the next
  bool stays_ = false;                                      // no other process wants it
  bool saw_ = false;         // something in the transaction has looked at data
  bool wrote_ = false;       // something in the transaction may have written
  bool to_primary_ = false;  // this statement, whatever it is
  bool ready_held_ = false;  // the client is owed the ReadyForQuery of the lease
  bool may_notify_ = false;  // what ran in the lease
  // What is waited for in kSettling.
  enum class Settling : std::uint8_t { kState, kRestore, kChannels, kUnlisten };
  Settling settling_ = Settling::kState;
  std::uint8_t questions_canceled_ = 0;
  bool drew_in_lease_ = false;    // from a sequence, perhaps
  bool reads_sequences_ = false;  // it has asked for currval or lastval in vain before
  // Of what the lease has drawn it will be asked, or has been: its server is held.
  enum class Draws : std::uint8_t { kNone, kUnasked, kAsked };
  Draws draws_ = Draws::kNone;
  std::uint32_t inserted_into_ = 0;  // the table that it inserted into last (SequenceHabits)
  Pins pins_;
  Pins counted_;   // of these, in the totals
  Pins foreseen_;  // what the statement that was looked at last may keep a server for
  std::uint8_t statements_in_lease_ = 0;  // at most 255 are counted
  sql::Dialect dialect_;
  wire::TransactionStatus told_ = wire::TransactionStatus::kIdle;  // with the last ReadyForQuery
  sql::Statement query_;                                           // the one that is looked at now
  wire::FrameReader reader_{wire::Direction::kFromClient};
  Account* account_ = nullptr;
  server::ServerConnection* server_ = nullptr;
  pool::Pool* lease_pool_ = nullptr;  // where the server comes from, or is waited for
  Buffer request_;                    // a read that can be run elsewhere, as it came
  bool request_seen_ = false;         // whether it can was looked at
  bool reads_on_primary_ = false;     // the lease is, or will be, of the primary for a read
  std::uint8_t repeats_ = 0;          // of `request_`, after servers opened since `failed_at_`
  bool again_ = false;                // `request_` is to be looked at before what comes now
  routing::LeaseReason lease_reason_ =
      routing::LeaseReason::kRead;  // of the lease that is asked for
  ReadTicket read_;                 // the lease is of a standby, or will be
  routing::SpillTicket spill_;      // it is of the primary, for want of a standby
  routing::ReadNeeds needs_;        // of the next read
  // What it was told at login, or since, of what it has not set itself; null: nobody knows.
  std::shared_ptr<const wire::ParameterList> greeting_;
  server::SettingsRef settings_;
  server::SettingsRef shed_from_;       // `settings_`, if the statement that changes them fails
  server::SettingsRef login_settings_;  // of the startup packet: its session's defaults
  std::string begin_sql_;               // the BEGIN that waits; empty: none does
  std::unique_ptr<std::string> acknowledged_;  // of a read, and kept while it may run elsewhere
  std::unique_ptr<std::string> batch_answer_;  // due when its Sync comes, which is there already
  std::unique_ptr<CommitWatch> commit_;  // while one is under way whose fate would be asked for
  std::unique_ptr<std::string> loss_;    // in kDoubt: how its server was lost
  std::unique_ptr<Lesson> lesson_;       // in a lease that shows what a statement is answered
  std::unique_ptr<LeaseTraces> traces_;
  std::unique_ptr<HeldParameters> held_parameters_;
  std::unique_ptr<UnnamedStatement> unnamed_;
  std::unique_ptr<Listening> listening_;
  std::unique_ptr<Move> move_;  // while it is under way
  // What it will listen to once the shared connection does; with a server that listens for now.
  std::unique_ptr<std::vector<std::string>> wanted_channels_;
  std::unique_ptr<std::string> answer_;  // of a question that is under way
  std::uint32_t unnamed_count_ = 0;
  std::uint32_t listen_ticket_ = 0;  // of the last order
  std::unique_ptr<NamedStatements> statements_;
  std::unique_ptr<Login> login_;
  std::unique_ptr<OrphanedTransaction> orphan_;
  std::unique_ptr<Relay> relay_;
  std::unique_ptr<std::string> gathered_;  // a Parse too large to lie in one piece
  std::array<char, 16> secret_{};  // of the cancel key; before protocol 3.2 its first 4 bytes
  // Batches end with Sync (or are one Query); the names of an unanswered one are in doubt.
  std::uint64_t batches_sent_ = 0;
  std::uint64_t batches_answered_ = 0;
  std::uint64_t batches_before_lease_ = 0;
  Micros connected_at_ = 0;
  Micros request_at_ = 0;      // the statement that runs now began; 0: none runs
  Micros transaction_at_ = 0;  // the transaction began; 0: none is open
  Micros failed_at_ = 0;       // `request_` failed for the first time; 0: it did not
  Micros idle_since_ = 0;
  Micros heard_at_ = 0;   // something came from it last
  Micros pinned_at_ = 0;  // 0: it is not pinned
  Micros parked_at_ = 0;  // waits for a standby or a route since; 0: does not
};

}  // namespace pgsaba::session
