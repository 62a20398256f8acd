#include "session/errors.h"

#include "pgsaba/wire/sqlstate.h"

namespace pgsaba::session::errors {
namespace {

using wire::ErrorFields;
namespace sqlstate = wire::sqlstate;

ErrorFields fatal(std::string_view code, std::string message, std::string hint = {}) {
  return {"FATAL", std::string(code), std::move(message), {}, std::move(hint)};
}

}  // namespace

ErrorFields protocol_violation(std::string message) {
  return fatal(sqlstate::kProtocolViolation, std::move(message));
}

ErrorFields unsupported_protocol(unsigned major, unsigned minor) {
  return fatal(sqlstate::kFeatureNotSupported,
               "unsupported frontend protocol " + std::to_string(major) + "." +
                   std::to_string(minor) + ": server supports 3.0 to 3.2");
}

ErrorFields unencrypted_data(bool ssl) {
  ErrorFields error =
      fatal(sqlstate::kProtocolViolation, std::string("received unencrypted data after ") +
                                              (ssl ? "SSL request" : "GSSAPI encryption request"));
  error.detail =
      "This could be either a client-software bug or evidence of an attempted man-in-the-middle "
      "attack.";
  return error;
}

ErrorFields tls_required() {
  return fatal(sqlstate::kInvalidAuthorization, "connections without TLS are not allowed here",
               "Connect with sslmode=require or a stricter one; on the server's side the setting "
               "is tls.mode.");
}

ErrorFields certificate_required() {
  return fatal(
      sqlstate::kInvalidAuthorization, "connection requires a valid client certificate",
      "It has to be signed by who is in tls.ca; libpq shows what sslcert and sslkey name.");
}

ErrorFields wrong_certificate(std::string_view user, std::string_view common_name) {
  ErrorFields error =
      fatal(sqlstate::kInvalidAuthorization,
            "certificate authentication failed for user \"" + std::string(user) + "\"",
            "The name in the client's certificate has to be the user's: so says tls.mode "
            "(verify-full), or a rule of auth.hba_file.");
  error.detail = common_name.empty()
                     ? "The certificate has no such name."
                     : "The certificate is made out to \"" + std::string(common_name) + "\".";
  return error;
}

namespace {

// In PostgreSQL's words, which administrators look for.
std::string describe(const Visitor& visitor) {
  std::string text =
      visitor.physical_replication ? "replication connection from host \"" : "host \"";
  text += (visitor.address.empty() ? "[local]" : visitor.address) + "\", user \"" +
          std::string(visitor.user) + "\"";
  if (!visitor.physical_replication) text += ", database \"" + std::string(visitor.database) + "\"";
  return text + (visitor.tls ? ", SSL encryption" : ", no encryption");
}

constexpr std::string_view kWhoseRules =
    "These are pgsaba's own rules, in its auth.hba_file, or for the admin console in its "
    "admin.hba_file; SHOW HBA on the console lists them.";

}  // namespace

ErrorFields no_rule(const Visitor& visitor) {
  return fatal(sqlstate::kInvalidAuthorization, "no pg_hba.conf entry for " + describe(visitor),
               std::string(kWhoseRules));
}

ErrorFields rejected_by_rule(const Visitor& visitor) {
  return fatal(sqlstate::kInvalidAuthorization,
               "pg_hba.conf rejects connection for " + describe(visitor), std::string(kWhoseRules));
}

ErrorFields certificate_missing() {
  return fatal(sqlstate::kInvalidAuthorization, "connection requires a valid client certificate",
               "Connect with sslcert and sslkey; tls.ca names who may sign such certificates.");
}

ErrorFields wrong_peer(std::string_view user) {
  return fatal(sqlstate::kInvalidAuthorization,
               "Peer authentication failed for user \"" + std::string(user) + "\"");
}

ErrorFields user_not_looked_up() {
  return fatal(sqlstate::kCannotConnectNow, "the user could not be looked up",
               "No server answered auth.query; pgsaba's log says why.");
}

ErrorFields not_by_type(const Visitor& visitor, config::AuthType type) {
  if (type == config::AuthType::kCert && visitor.tls) return certificate_missing();
  const bool peer = type == config::AuthType::kPeer;
  return fatal(sqlstate::kInvalidAuthorization, "nobody may log in from " + describe(visitor),
               peer ? "pgsaba's auth.type is peer: connect through its Unix socket."
                    : "pgsaba's auth.type is cert: connect over TCP with sslmode=require, sslcert "
                      "and sslkey.");
}

ErrorFields password_in_clear() {
  return fatal(sqlstate::kInvalidAuthorization, "passwords in clear text are not taken without TLS",
               "Connect with sslmode=require or a stricter one. On the server's side "
               "auth.plain_passwords allows it.");
}

ErrorFields too_many_failures(std::string_view user) {
  return fatal(sqlstate::kTooManyConnections,
               "too many logins of user \"" + std::string(user) +
                   "\" from this address have failed, or wait for others that may",
               "Try again later. The setting is auth.failure_pause.");
}

ErrorFields no_user_name() {
  return fatal(sqlstate::kInvalidAuthorization,
               "no PostgreSQL user name specified in startup packet");
}

ErrorFields startup_option(std::string_view option) {
  return fatal(sqlstate::kFeatureNotSupported,
               "unsupported command-line option in startup packet: " + std::string(option),
               "Through pgsaba \"options\" may hold -c name=value and --name=value.");
}

ErrorFields client_idle_timeout() {
  return fatal(sqlstate::kIdleSessionTimeout,
               "terminating connection: client was idle longer than client_idle",
               "The setting is timeouts.client_idle.");
}

ErrorFields idle_transaction_timeout() {
  return fatal(sqlstate::kIdleInTransactionTimeout,
               "terminating connection: transaction was idle longer than idle_transaction",
               "The setting is timeouts.idle_transaction.");
}

ErrorFields stalled_message() {
  return fatal(sqlstate::kIdleSessionTimeout,
               "terminating connection: the rest of a message did not come within stalled_message",
               "The setting is timeouts.stalled_message.");
}

ErrorFields transaction_timeout() {
  return fatal(sqlstate::kTransactionTimeout,
               "terminating connection: transaction took longer than transaction",
               "The setting is timeouts.transaction.");
}

ErrorFields query_timeout() {
  return fatal(sqlstate::kQueryCanceled, "terminating connection: statement took longer than query",
               "The setting is timeouts.query.");
}

ErrorFields statement_mode() {
  return fatal(sqlstate::kFeatureNotSupported,
               "transaction blocks are not allowed in statement pooling mode",
               "Use pool_mode: transaction for this database or user.");
}

constexpr std::string_view kPinHint =
    "End what the others have (SHOW PINS), raise pool.max_pinned_servers, or use pool_mode: "
    "session.";

ErrorFields too_many_pins(const std::string& reasons) {
  ErrorFields error =
      fatal(sqlstate::kTooManyConnections,
            "terminating connection: too many clients keep a server connection to themselves",
            std::string(kPinHint));
  error.detail = "This client would have kept its own for: " + reasons + ".";
  return error;
}

ErrorFields no_pin_left(const std::string& reasons) {
  ErrorFields error;
  error.sqlstate = sqlstate::kTooManyConnections;
  error.message = "too many clients keep a server connection to themselves";
  error.detail = "The statement would keep one for: " + reasons +
                 ". Inside a transaction it cannot wait for others to end theirs.";
  error.hint = kPinHint;
  return error;
}

ErrorFields pin_timeout(const std::string& reasons) {
  ErrorFields error = fatal(sqlstate::kIdleSessionTimeout,
                            "terminating connection: idle longer than pin_idle with a server "
                            "connection of its own",
                            "The setting is timeouts.pin_idle.");
  error.detail = "It was kept for: " + reasons + ".";
  return error;
}

ErrorFields no_prepared_memory() {
  ErrorFields error{"ERROR", std::string(sqlstate::kOutOfMemory),
                    "out of memory for prepared statements"};
  error.detail = "The prepared statements of all clients take as much as they may.";
  error.hint =
      "Raise limits.max_prepared_memory, or have clients prepare fewer statements: SHOW PREPARED "
      "on the admin console lists them.";
  return error;
}

ErrorFields reserved_name() {
  ErrorFields error{"ERROR", std::string(sqlstate::kFeatureNotSupported),
                    "names of prepared statements that begin with _pgsaba_ are reserved"};
  error.detail = "Servers know the statements of all clients by such names.";
  error.hint = "Use another name in PREPARE, EXECUTE and DEALLOCATE.";
  return error;
}

ErrorFields no_such_statement(std::string_view name) {
  return {"ERROR", std::string(sqlstate::kInvalidStatementName),
          "prepared statement \"" + std::string(name) + "\" does not exist"};
}

ErrorFields not_on_standby() {
  ErrorFields error{"ERROR", std::string(sqlstate::kReadOnlyTransaction),
                    "this statement cannot run in a transaction that reads from a standby"};
  error.detail = "It may change or ask about the server or session that it runs in.";
  error.hint =
      "Begin the transaction with this statement or without READ ONLY, or use SET pgsaba.route = "
      "'primary': then it runs on the primary.";
  return error;
}

ErrorFields too_many_spilled(std::int32_t limit) {
  ErrorFields error{"ERROR", std::string(sqlstate::kTooManyConnections),
                    "no standby can serve this read, and the primary serves too many others"};
  error.detail = "At most " + std::to_string(limit) +
                 " reads that no standby could serve run on the primary at a time; this one has "
                 "waited for query_wait.";
  error.hint =
      "The settings are routing.max_spilled_reads and timeouts.query_wait; SHOW TOPOLOGY "
      "tells of the standbys.";
  return error;
}

ErrorFields too_many_notifications() {
  return fatal(sqlstate::kProgramLimitExceeded,
               "terminating connection: too many notifications wait for the client",
               "Listen on a connection that reads what comes and does not stay inside a "
               "transaction.");
}

ErrorFields notifications_missed() {
  ErrorFields warning;
  warning.severity = "WARNING";
  warning.sqlstate = sqlstate::kWarning;
  warning.message = "notifications may have been missed";
  warning.detail = "The server connection that listens for this client was lost, and is restored.";
  warning.hint = "Look for yourself at what would have been notified.";
  return warning;
}

ErrorFields not_an_admin(std::string_view user) {
  return fatal(sqlstate::kInsufficientPrivilege,
               "user \"" + std::string(user) + "\" may not use the admin console",
               "Name the user in admin.users or admin.stats_users.");
}

ErrorFields replication_mode_unknown(std::string_view value) {
  return fatal("22023",
               R"(invalid value for parameter "replication": ")" + std::string(value) + "\"",
               R"(Valid values are: "false", 0, "true", 1, "database".)");
}

ErrorFields server_lost(std::string_view what, bool in_flight, bool in_transaction) {
  ErrorFields error;
  const bool unknown = in_flight && !in_transaction;
  error.sqlstate = unknown ? sqlstate::kTransactionResolutionUnknown : sqlstate::kConnectionFailure;
  error.message = "the server connection was lost: " + std::string(what);
  if (unknown) {
    error.detail = "The statement may or may not have taken effect.";
    error.hint = "Look at the data before you repeat it.";
  } else if (in_transaction) {
    error.detail = "The transaction is rolled back, unless it was just being committed.";
    error.hint = "Roll back and repeat the transaction.";
  }
  return error;
}

ErrorFields commit_lost(std::string_view what, bool rolled_back) {
  if (!rolled_back) return server_lost(what, true, false);
  ErrorFields error = server_lost(what, true, true);
  error.detail = "The transaction is rolled back: its server was asked what had become of it.";
  return error;
}

}  // namespace pgsaba::session::errors
