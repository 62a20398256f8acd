// ServerConnection: one connection to PostgreSQL: logs in, keeps the ledger of expected replies,
// and knows what of a client's session it carries. It decides nothing about who uses it: a pool
// owns it, a holder (a client's session) has it on lease.
//
//   kLogin ──ReadyForQuery──▶ kIdle ◀──────────────┐
//                              │ lend              │ ReadyForQuery 'I', ledger empty
//                              ▼                   │
//                            kLent ──release──▶ kIdle, or kCleaning (ROLLBACK, DISCARD ALL) ─┘
//   any ──error, end, close──▶ kClosed
//
// Owned by a pool of one worker; moves to another worker's pool only while kIdle.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>

#include "pgsaba/auth/scram_key_desk.h"
#include "pgsaba/auth/secret.h"
#include "pgsaba/net/connection.h"
#include "pgsaba/server/outgoing_connection.h"
#include "pgsaba/server/pipeline.h"
#include "pgsaba/server/prepared_statements.h"
#include "pgsaba/server/server_login.h"
#include "pgsaba/server/server_statements.h"
#include "pgsaba/server/settings.h"
#include "pgsaba/wire/error_fields.h"
#include "pgsaba/wire/frame.h"
#include "pgsaba/wire/frontend.h"

namespace pgsaba::server {

// Why a server connection ended; each stands in the log.
enum class CloseReason : std::uint8_t {
  kNone,
  kConnectFailed,
  kTlsFailed,
  kLoginFailed,
  kConnectTimeout,
  kServerClosed,   // PostgreSQL closed or reset the connection
  kServerError,    // a FATAL error from an idle server
  kProtocolError,  // it sent what nobody expected
  kClientGone,     // its client left in the middle
  kLifetime,
  kIdleTimeout,
  kReconnect,  // RECONNECT, or a reload that changed the pool
  kTimeLimit,  // query, transaction or idle-in-transaction limit
  kDoubtful,   // its ledger cannot be known to be complete
  kNotClean,   // cleaning failed
  kTainted,    // its session was changed in a way that nothing undoes
  kDeposed,    // its server is not the primary any more, or was taken for it by mistake
  kSilent,     // its server does not answer the monitor
  kShutdown,
  kAdmin,    // KILL
  kSurplus,  // not wanted any more when its login was done
};
std::string_view describe(CloseReason reason);

class ServerConnection;

// Whoever has a server on lease. Every call comes from within the server's own `step`.
class LeaseHolder {
 public:
  virtual ~LeaseHolder() = default;
  // Bytes of whole or partial frames, to be passed on as they are.
  virtual void server_sent(Bytes bytes) = 0;
  // A parameter of the session changed (the message itself goes through server_sent).
  virtual void parameter_changed(std::string_view name, std::string_view value) = 0;
  // ParameterStatus is about to go to the client: true if the holder tells it, later.
  virtual bool tells_later(std::string_view, std::string_view) { return false; }
  // The client's Parse of a statement, or its Close, never took effect.
  virtual void change_undone(std::uint32_t change) = 0;
  // The server forgot all prepared statements, because the client said so.
  virtual void statements_discarded() = 0;
  // The client's own name of a statement, for an error message that would show ours.
  virtual std::string statement_name(std::uint32_t name) = 0;
  // The server's plan of a statement does not fit its tables any more (the client has the error).
  virtual void statement_outdated(std::uint32_t id) = 0;
  // The server reads nothing any more up to a Sync that has not been sent yet: no ReadyForQuery
  // comes before that.
  virtual void waits_for_sync() {}
  // SET or RESET was executed for the client.
  virtual void setting_done() = 0;
  // The BEGIN that was answered before is executed, and it was not: nothing that the client sent
  // behind it was. `error` is the frame.
  virtual void begun() = 0;
  virtual void begin_failed(const wire::ErrorFields& error, Bytes frame) = 0;
  // A Query of pgsaba's own, whose reply is swallowed, is done.
  virtual void own_query_done() = 0;
  // What comes back on a question (`ask`), frame by frame or in parts, up to ReadyForQuery.
  virtual void answered(Bytes bytes) = 0;
  virtual void answer_complete() = 0;
  // ReadyForQuery 'I' that ends all has come: true if the holder sends the client one of its own,
  // later. `server_ready` follows in either case.
  virtual bool holds_ready() = 0;
  // ReadyForQuery is about to go to the client, and nobody has heard of it before.
  virtual void ready_comes(wire::TransactionStatus) {}
  // Whether what is outstanding can be run elsewhere if it fails here: the client has heard nothing
  // of it yet.
  virtual bool may_run_elsewhere() const { return false; }
  // It failed: true if it is run elsewhere. The client hears nothing of this then, and the holder
  // has let go of the server.
  virtual bool runs_elsewhere(const wire::ErrorFields&) { return false; }
  // An error of the server's goes to the client.
  virtual void server_error(const wire::ErrorFields&) {}
  // Whether the client hears of a notification on this channel from this server.
  virtual bool wants_notification(std::string_view channel) = 0;
  // ReadyForQuery went to the client. The holder may release the server now.
  virtual void server_ready() = 0;
  // The connection is gone; `mid_frame`: the client has a part of a message of which no more comes.
  virtual void server_lost(ServerConnection& server, CloseReason reason, bool mid_frame) = 0;
  // Whether the client can take more bytes now.
  virtual bool accepts_bytes() const = 0;
  // The server takes bytes again, after it was congested, or its ledger entries, after it was full.
  virtual void server_drained() = 0;
};

// The pool a server belongs to.
class ServerOwner {
 public:
  virtual ~ServerOwner() = default;
  virtual void server_logged_in(ServerConnection& server) = 0;
  virtual void server_cleaned(ServerConnection& server) = 0;
  // At rest, it told of a parameter that has changed: its configuration was read again, say.
  virtual void server_changed(ServerConnection&) {}
  // The connection ended by itself. The owner drops it.
  virtual void server_closed(ServerConnection& server, CloseReason reason) = 0;
};

class ServerConnection final : public OutgoingConnection, private auth::ScramKeyWaiter {
 public:
  enum class State : std::uint8_t { kLogin, kIdle, kLent, kCleaning, kClosed };

  ServerConnection(net::Turn& turn, ServerOwner& owner, std::shared_ptr<const ServerTarget> target,
                   auth::ScramKeyDesk& keys, std::uint64_t id);

  // Connects and logs in; the owner hears of the outcome.
  Status open_connection(const net::Address& address, const net::SocketOptions& options);
  void expect_primary() { login_.expect_primary(); }

  State state() const { return state_; }
  std::uint64_t id() const { return id_; }
  const ServerTarget& target() const { return *target_; }
  // Which of the target's addresses it is connected to.
  const net::Address& address() const { return address_; }
  const std::shared_ptr<const ServerTarget>& target_ref() const { return target_; }
  const ServerLogin& login() const { return login_; }
  // Of itself, whatever its client has set.
  void says(std::string_view name, std::string_view value) { login_.set_parameter(name, value); }
  const Pipeline& pipeline() const { return pipeline_; }
  LeaseHolder* holder() const { return holder_; }
  Micros opened_at() const { return opened_at_; }
  const wire::ErrorFields& last_error() const { return last_error_; }
  bool last_error_told() const { return last_error_told_; }  // the holder has its frame
  std::size_t prepared_statement_count() const { return statements_.size(); }
  const ServerStatements& statements() const { return statements_; }

  // --- on lease ---------------------------------------------------------------------------------
  void lend(LeaseHolder& holder);
  // The lease is that of a client, by its number. Whoever was there before has drawn from
  // sequences, and currval would tell of it, unless it was this client alone.
  void serve(std::uint64_t client) { served_ = served_ == 0 || served_ == client ? client : kMany; }
  bool has_served_others(std::uint64_t client) const { return served_ != 0 && served_ != client; }
  // Makes the session match `wanted` before anything else is sent. Costs no round trip, unless it
  // changes who the session acts as (true): then nothing may be sent before `answer_complete`,
  // since a statement must not run as somebody else if that fails. `client`: its number;
  // 0: the session is made for nobody in particular.
  bool match(const SettingsRef& wanted, std::uint64_t client = 0);
  // The same, of which the holder is told all (`answered`, `answer_complete`). False: nothing
  // differs.
  bool match_and_tell(const SettingsRef& wanted);
  const SettingsRef& settings() const { return settings_; }
  void settings_are(SettingsRef settings);
  // The session's parameters may be anything: the next client's are restored from scratch.
  void settings_unknown() { settings_known_ = false; }
  bool settings_known() const { return settings_known_; }
  // Code out of sight may have set parameters that no question finds. They are this client's: they
  // are reset before another one has the server.
  void hides_settings_of(std::uint64_t client) { hides_settings_of_ = client; }
  // The holder keeps the server for another transaction: what follows is about that one.
  void forget_outcome() { has_failed_ = has_rolled_back_ = has_committed_ = has_defined_ = false; }
  // A statement of the transaction has failed.
  bool has_failed() const { return has_failed_; }
  // A ROLLBACK was executed in it, to a savepoint or of all.
  bool has_rolled_back() const { return has_rolled_back_; }
  // A COMMIT was executed: another transaction may follow in the same batch.
  bool has_committed() const { return has_committed_; }
  // A command was executed that may have defined a view, a function or the like.
  bool has_defined() const { return has_defined_; }
  // Sends the BEGIN that its client had answered by pgsaba; its reply is swallowed. It is part of
  // the client's next batch, so that the server ignores that if it fails.
  void begin(std::string_view sql);
  bool beginning() const { return beginning_; }
  // The unnamed portal is that of the BEGIN, which the client must not meet: its first message
  // closes it, if that is no Query, which does so anyway.
  bool has_own_portal() const { return own_portal_; }
  void close_own_portal();
  // After `begin_failed`: the server comes to rest.
  void leave_batch();
  // The ledger takes no more for now: the server is told to answer what it has, and the holder
  // hears `server_drained`.
  bool full() { return pipeline_.full() && ask_for_replies(); }
  // The same for all that it has, or until a COPY takes what comes.
  void ask_for_all_replies();
  // No part of a message has come whose rest is still to come.
  bool between_messages() const { return reader_.at_boundary(); }
  // Something of pgsaba's own runs, and nothing of the client's yet.
  bool runs_own_query() const { return pipeline_.runs_own_query(); }
  // Whatever others have drawn from sequences in this session is unknown to it from now on.
  void forget_sequences(std::uint64_t client);
  // Sends a query of pgsaba's; the holder gets all that comes back.
  // What another client has left under its own names is closed first.
  void ask(std::string_view sql);

  // The client's own frame (or its first piece), and what follows of it. The numbers are those of
  // the ledger (Expected).
  void forward(Request request, Bytes bytes, std::uint32_t statement = 0, std::uint32_t change = 0,
               std::uint32_t name = 0);
  // In place of a Query, or of an extended message, one that PostgreSQL refuses for certain: it
  // fails as the client's own would, and the client reads this error instead. One at a time.
  void refuse(Request request, const wire::ErrorFields& error);
  void forward_unanswered(Bytes bytes) { send(bytes); }  // CopyData, Flush, a body's next piece
  // Makes sure that the server knows the statement; its reply is swallowed.
  void need_statement(const PreparedStatement& statement, std::size_t limit);
  // Parses the statement anew for a client, whose reply it is.
  void parse_statement(const PreparedStatement& statement, std::size_t limit, std::uint32_t change);
  // What this server knows is not certain before an earlier batch is answered: an error there may
  // have skipped a Parse or a Close. Asks for one statement, or whether another may be made.
  bool unsure_of(std::uint32_t statement) const {
    return pipeline_.alters_earlier() &&
           (!statements_.holds(statement) || pipeline_.alters(statement));
  }
  bool unsure() const { return pipeline_.alters_earlier(); }
  // Whose unnamed statement the server has: 0 for nobody's, else a number of the holder's choice,
  // or kUnknownOwner: an error has, or may yet have, skipped what should have made or dropped it.
  std::uint64_t unnamed_owner() const {
    const bool certain = pipeline_.batch() == unnamed_since_ || pipeline_.answered(unnamed_since_);
    return certain ? unnamed_owner_ : kUnknownOwner;
  }
  // The unnamed statement of the client, parsed again; its reply is swallowed.
  void need_unnamed(std::string_view rest, std::uint64_t owner);
  // Whatever unnamed statement it has is somebody else's: the server must refuse to use it.
  void drop_unnamed();
  void unnamed_is(std::uint64_t owner) {
    unnamed_owner_ = pipeline_.skipping() ? kUnknownOwner : owner;
    unnamed_since_ = pipeline_.batch();
  }
  // For SQL that uses statements by name: under the client's own names the server has those
  // `needed`, and of its others none that is not one of `own`. False: it was so already. Replies
  // are swallowed. A statement that cannot be made any more fails what needs it, and nothing else.
  bool need_names(const StatementsByName& own, const StatementsByName& needed);
  // Whether an error in an earlier batch could still mean that some of that was skipped.
  bool names_in_doubt() const {
    return names_since_ && *names_since_ != pipeline_.batch() && !pipeline_.answered(*names_since_);
  }
  bool has_name(std::string_view name) const { return named_.contains(name); }
  bool has_names() const { return !named_.empty(); }
  // Its copy under that name is of this statement, as far as is known.
  bool holds_named(std::string_view name, const PreparedStatement& statement) const {
    const auto found = named_.find(name);
    return found != named_.end() && found->second.statement == statement.id;
  }
  // The client's own words decide from here on what the name means: only the server knows, until it
  // has been asked (names_are) or the lease ends.
  void leave_name(const std::string& name) {
    named_.erase(name);
    left_names_.try_emplace(name, false);
  }
  bool is_left(std::string_view name) const {
    return !left_names_.empty() && left_names_.contains(name);
  }
  // With each, whether the client has sent a Parse of it since.
  using LeftNames = std::map<std::string, bool, std::less<>>;
  const LeftNames& left_names() const { return left_names_; }
  void left_name_is_parsed(std::string_view name) { left_names_.find(name)->second = true; }
  // What it really has under such names, as it says itself.
  void names_are(const StatementsByName& names);
  // The message that is about to be sent may make it forget all statements: up to its answer nobody
  // knows what a name means.
  void may_forget_all() { forgets_since_ = pipeline_.batch(); }
  // Whether that answer is still to come; the server is told to give it.
  bool waits_to_forget();
  // A message that pgsaba answers in its turn.
  void answer(Request request, std::uint32_t statement, std::uint32_t change);

  // --- between leases ---------------------------------------------------------------------------
  // The lease ends: the server is idle.
  void release();
  // What the session may hold beyond its parameters when the lease ends. kSession: whatever a
  // client under session pooling has made of it.
  enum class Taint : std::uint8_t { kNone, kSession, kState, kForGood };
  void taint(Taint taint) { taint_ = std::max(taint_, taint); }
  Taint taint() const { return taint_; }
  // The lease ends with a command: runs `sql` and tells the owner when the server is clean.
  void clean(std::string_view sql, bool resets_session);
  // At rest, hence fit for another client: nothing owed, in no transaction.
  bool at_rest() const {
    return pipeline_.empty() && pipeline_.status() == wire::TransactionStatus::kIdle;
  }
  void shut();  // says Terminate where that makes sense, and closes; nobody is told
  // As if it had broken: holder and owner are told.
  void cut_off(CloseReason reason) { lost(reason); }

  // Another worker's pool takes over an idle server.
  void adopt(net::Turn& turn, ServerOwner& owner, net::Socket socket);
  net::Socket give_away();

  void step() override;
  void drained() override;

  // For whoever owns it: lists and marks.
  ListHook pool_hook;
  std::uint8_t place = 0;  // which of the owner's lists it is on
  bool close_when_released = false;
  // What it says of itself where no client has set anything; the same list for all that say the
  // same.
  std::shared_ptr<const wire::ParameterList> greeting;
  std::uint32_t cancels_in_flight = 0;  // it may not serve another client before they are through
  Micros idle_since = 0;

 private:
  void agreed() override;
  void not_agreed() override;
  void step_login(Bytes input, std::size_t& used);
  ServerLogin::Outcome ask_for_keys(std::string& out);
  void keys_derived(const auth::ScramKeys& keys) override;
  void login_failed();
  void step_replies(Bytes input, std::size_t& used);
  // Judges one frame; the bytes in `run` that came before it go to the client first if need be.
  struct Run {
    Bytes input;
    std::size_t begin = 0;  // of the bytes to pass on
    std::size_t end = 0;
  };
  void judge(const wire::Piece& piece, Run& run);
  void judge_error(const wire::Piece& piece, Run& run);
  void judge_ready(const wire::Piece& piece, Run& run);
  void judge_unlent(const wire::Piece& piece, Run& run);
  void apply(const Pipeline::Verdict& verdict, const wire::Piece& piece, Run& run);
  bool note_parameter(Bytes body, bool ours);
  void note_command(Bytes body);
  void end_skipping();
  void send_flush();
  void pass_on(Run& run);
  void swallow(Run& run, const wire::Piece& piece);
  void substitute(Run& run, const wire::Piece& piece, std::string_view frame);
  void make_answers();
  bool ask_for_replies();
  void make_room(std::size_t limit, std::string& frames);
  void send_query(std::string_view sql, Disposition disposition);
  Restoration restoration_to(const SettingsRef& wanted);
  void close_copy(std::uint32_t statement, std::string& frames);
  bool forget_skipped();
  void close_strays();
  void named_copy_failed(const wire::Piece& piece, const wire::ErrorFields& error, Run& run);
  void lost(CloseReason reason);

  ServerOwner* owner_;
  std::shared_ptr<const ServerTarget> target_;
  net::Address address_;
  auth::ScramKeyDesk& keys_;
  ServerLogin login_;
  bool refused_over_tls_ = false;  // the login; it may do without
  std::uint64_t id_;
  State state_ = State::kLogin;
  LeaseHolder* holder_ = nullptr;
  wire::FrameReader reader_{wire::Direction::kFromServer};
  Pipeline pipeline_;
  SettingsRef settings_;
  bool settings_known_ = true;
  std::uint64_t hides_settings_of_ = 0;  // 0: there are none
  static constexpr std::uint64_t kMany = ~std::uint64_t{0};
  std::uint64_t served_ = 0;     // since sequences were forgotten: nobody, one client, or kMany
  bool body_swallowed_ = false;  // the rest of a streamed frame is not for the client
  bool body_asked_ = false;      // it belongs to the answer of a question
  bool has_failed_ = false;
  bool has_rolled_back_ = false;
  bool has_committed_ = false;
  bool has_defined_ = false;
  bool replies_asked_for_ = false;  // the ledger was full, and still is
  bool all_asked_for_ = false;
  bool own_portal_ = false;  // the unnamed one is that of `begin`
  bool beginning_ = false;   // what is outstanding begins with the client's BEGIN
  Taint taint_ = Taint::kNone;
  std::string refusal_;  // the error that stands for that of the statement refused
  static constexpr std::uint64_t kUnknownOwner = UINT64_MAX - 1;
  std::uint64_t unnamed_owner_ = 0;
  std::uint64_t unnamed_since_ = 0;  // the batch that made it so
  // What it has under a client's own name; the number is that of its Parse.
  struct Named {
    std::uint32_t statement = 0;  // 0: it cannot be made again
    std::uint32_t edition = 0;
    std::uint32_t number = 0;
    bool stray = false;  // some other client's, whose Close was skipped
  };
  std::map<std::string, Named, std::less<>> named_;
  std::uint32_t next_named_ = 0;
  std::vector<std::pair<std::uint32_t, std::string>> closing_;  // by Expected::change
  LeftNames left_names_;
  std::optional<std::uint64_t> names_since_;    // the last batch of a client's that changed them
  std::optional<std::uint64_t> forgets_since_;  // the batch that may forget all
  std::string named_error_;  // why one of those that were needed last could not be made
  ServerStatements statements_;
  wire::ErrorFields last_error_;
  bool last_error_told_ = false;
  Micros opened_at_ = 0;
};

}  // namespace pgsaba::server
