// SessionHost: what a client's session needs of the worker it lives in. Implemented by the worker;
// every call stays on the worker's thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pgsaba/auth/client_login.h"
#include "pgsaba/auth/host_access.h"
#include "pgsaba/auth/inquiry.h"
#include "pgsaba/auth/password_check.h"
#include "pgsaba/auth/scram_key_desk.h"
#include "pgsaba/auth/userlist.h"
#include "pgsaba/config/config.h"
#include "pgsaba/net/connection.h"
#include "pgsaba/routing/commit_fate.h"
#include "pgsaba/server/custom_names.h"
#include "pgsaba/session/account.h"
#include "pgsaba/wire/error_fields.h"

namespace pgsaba::session {

class ClientSession;

// Which of the worker's lists a session is on: each has its own time limit.
enum class Phase : std::uint8_t { kLogin, kIdle, kWaiting, kLinked, kRelay, kConsole };

// Where a read goes. Without a pool it goes to the primary; `may_wait`: or waits a little, for a
// standby is about to show what the read has to see.
struct ReadRoute {
  pool::Pool* pool = nullptr;
  bool may_wait = false;
  bool behind = false;  // instead: no standby is expected to show it in time
};

struct Admission {
  Account* account = nullptr;  // null: refused, for this reason
  std::optional<wire::ErrorFields> refusal = {};
};

class SessionHost {
 public:
  virtual ~SessionHost() = default;

  virtual net::Turn& turn() = 0;
  virtual const config::Config& config() = 0;
  virtual const auth::UserList& users() = 0;
  // Their secrets of before, which are good as well.
  virtual const auth::UserList& previous_users() = 0;
  // The rules that decide about logins, or about those to the console; null: there are none. Good
  // for this turn.
  virtual const auth::HostAccess* host_access(bool console) = 0;
  // Whether users of the database that are not listed are asked for on a server; if so, the answer
  // to `seek_secret` is a later `secret_found`.
  virtual bool seeks_secrets(std::string_view database) = 0;
  virtual void seek_secret(ClientSession& session) = 0;
  virtual void doubt_secret(const ClientSession& session) = 0;
  // Asks the system; the answer is a later `inquiry_answered`.
  virtual void inquire(ClientSession& session, const auth::Inquiry& inquiry) = 0;
  // Has PAM or a directory judge it; the answer is a later `password_judged`, which is not needed
  // once nobody else holds `wanted`.
  virtual void check_password(ClientSession& session, auth::PasswordCheck check,
                              std::weak_ptr<const bool> wanted) = 0;
  // Whether the login may go on, after failures of the same user from the same address. kWait: it
  // hears `brake_released`.
  enum class Brake : std::uint8_t { kNone, kWait, kRefuse };
  virtual Brake brake(ClientSession& session) = 0;
  virtual void password_was(const ClientSession& session, bool right) = 0;
  // PAM or a directory has taken this password of the session's user.
  virtual void password_known(const ClientSession& session, auth::SecretBytes password) = 0;
  virtual const auth::ClientLoginSettings& login_settings() = 0;
  // What clients are offered; null: no TLS. Good for this turn.
  virtual const net::TlsContext* client_tls() = 0;
  virtual auth::ScramKeyDesk& scram_keys() = 0;
  virtual server::SettingsTable& settings() = 0;
  virtual server::CustomNames& custom_names() = 0;
  virtual server::PreparedTable& prepared_statements() = 0;

  // Checks that the database exists and is open, without counting anybody.
  virtual std::optional<wire::ErrorFields> may_log_in(std::string_view database) = 0;
  // Counts the client against every limit that holds for it.
  virtual Admission admit(std::string_view database, std::string_view user) = 0;
  virtual void dismiss(Account& account) = 0;
  // The pool that serves the account now; null if none can, and `why` says so.
  virtual pool::Pool* route(Account& account, wire::ErrorFields& why) = 0;

  // The account's reads have a balance.
  virtual ReadRoute route_read(Account& account, const routing::ReadNeeds& needs) = 0;
  // What is known of the objects of the account's database has to be read anew.
  virtual void want_catalogue(Account& account) = 0;
  // A number that nobody else gets.
  virtual std::uint64_t next_id() = 0;
  // The session waits for a standby: it hears `unpark` whenever one has made progress, and now and
  // then besides.
  virtual void wait_for_standby(ClientSession& session) = 0;
  // It waits for others to end their reads on the primary: it hears `unpark` then, and now and
  // then.
  virtual void wait_for_spill(ClientSession& session) = 0;
  virtual void spill_ended() = 0;
  // `route` has no pool. True: there may be one soon, and the session, which waits for that since
  // `since`, hears `unpark` when it is worth asking again. False: it has waited long enough, or in
  // vain.
  virtual bool wait_for_route(ClientSession& session, Micros since) = 0;

  // What has become of a COMMIT that was under way on that server of the account's cluster is asked
  // for: the session hears `fate_known`.
  virtual void seek_fate(ClientSession& session, const routing::CommitMark& mark,
                         std::uint32_t server) = 0;

  // A database is about to be dropped, renamed or copied, and nobody may be connected to it:
  // servers of databases that no client is in are not kept.
  virtual void leave_databases() = 0;
  virtual void cancel(const wire::CancelKey& key) = 0;
  // What its cancel key calls the client with this number.
  virtual std::uint32_t key_pid(std::uint32_t client) { return client; }
  // PostgreSQL does not see that a connection was closed until it has something to say: what runs
  // on a server that is given up is cancelled.
  virtual void stop_statement(const server::ServerConnection& server) = 0;
  // A cancel request that the session held back (ClientSession::holds_cancel) may go now.
  virtual void cancel_due(ClientSession& session) = 0;
  // The session listens to exactly these channels of its database from now on, through a connection
  // that is shared. It hears `listens`, with its ticket, when that is in force and all that was
  // notified before has come; if it cannot be, nothing has changed. Without channels nothing
  // changes, and it hears the same. With ticket 0 it hears nothing, and what cannot be in force now
  // will be as soon as it can.
  virtual void listen(ClientSession& session, std::uint32_t ticket,
                      std::optional<std::vector<std::string>> channels) = 0;
  // Its client will say no more, and is owed answers: it hears `ask_presence` in a while.
  virtual void hung_up(ClientSession& session) = 0;
  // Like `listen`; and what it hears on `kMoveChannel` tells it, with this word, where it stands
  // among all that is notified.
  virtual void mark_notifications(ClientSession& session, std::uint32_t ticket,
                                  std::vector<std::string> channels, const std::string& mark) = 0;
  // Another process has the session, which has nothing more to do here.
  virtual void may_leave(ClientSession& session) = 0;
  // The session, from another process, is as it was there; or it cannot be.
  virtual void arrived(ClientSession& session, bool well) = 0;
  virtual void phase_changed(ClientSession& session, Phase from, Phase to) = 0;
  // The session is closed: it is destroyed when the turn ends.
  virtual void bury(ClientSession& session) = 0;
  virtual void log_client(const ClientSession& session, std::string_view event) = 0;
  // The client hears this error of ours; `for_log` is what only an administrator may know of it.
  virtual void error_told(const ClientSession& session, const wire::ErrorFields& error,
                          std::string_view for_log) = 0;
  virtual void server_error_told(std::string_view sqlstate) = 0;
  // It did not get in. Both are literals: what it was asked for, and why that came to nothing.
  virtual void login_refused(std::string_view method, std::string_view reason) = 0;
  // The same for what anybody can bring about who reaches us: there may be a lot of it.
  virtual void log_tls_failure(const ClientSession& session, std::string_view why) = 0;

  // The admin console lives in another thread; its answers come as `console_output`.
  virtual bool console_open(ClientSession& session) = 0;  // false: not for this user
  virtual void console_input(ClientSession& session, Bytes frame) = 0;
  virtual void console_closed(ClientSession& session) = 0;
};

}  // namespace pgsaba::session
