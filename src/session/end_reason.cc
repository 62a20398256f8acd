#include "pgsaba/session/end_reason.h"

#include "pgsaba/wire/sqlstate.h"

namespace pgsaba::session {

std::string_view describe(EndReason reason) {
  switch (reason) {
    case EndReason::kNone:
      return "none";
    case EndReason::kClientTerminated:
      return "client disconnected";
    case EndReason::kClientClosed:
      return "client closed the connection without saying so";
    case EndReason::kClientReset:
      return "connection to the client broke";
    case EndReason::kCancelRequest:
      return "cancel request delivered";
    case EndReason::kProtocolError:
      return "client broke the protocol";
    case EndReason::kTlsFailed:
      return "TLS failed";
    case EndReason::kLoginFailed:
      return "login failed";
    case EndReason::kLoginTimeout:
      return "client_login timeout";
    case EndReason::kLimit:
      return "connection limit";
    case EndReason::kNoServer:
      return "no server available";
    case EndReason::kWaitTimeout:
      return "query_wait timeout";
    case EndReason::kQueryTimeout:
      return "query timeout";
    case EndReason::kIdleTimeout:
      return "client_idle timeout";
    case EndReason::kIdleTransactionTimeout:
      return "idle_transaction timeout";
    case EndReason::kTransactionTimeout:
      return "transaction timeout";
    case EndReason::kStalledMessage:
      return "stalled_message timeout";
    case EndReason::kServerLost:
      return "server lost";
    case EndReason::kPinTimeout:
      return "pin_idle timeout";
    case EndReason::kModeViolation:
      return "transaction block in statement pooling mode";
    case EndReason::kShutdown:
      return "shutting down";
    case EndReason::kAdmin:
      return "closed by an administrator";
    case EndReason::kMoved:
      return "goes on in another process";
  }
  return "?";
}

std::string_view login_refusal(EndReason reason, std::string_view sqlstate) {
  switch (reason) {
    case EndReason::kNone:
    case EndReason::kCancelRequest:
    case EndReason::kMoved:
      return {};
    case EndReason::kClientTerminated:
    case EndReason::kClientClosed:
    case EndReason::kClientReset:
      return "left";
    case EndReason::kProtocolError:
      return "protocol";
    case EndReason::kTlsFailed:
      return "tls";
    case EndReason::kLoginTimeout:
      return "timeout";
    case EndReason::kLimit:
      return "limit";
    case EndReason::kNoServer:
      return "no_server";
    case EndReason::kLoginFailed:
      break;
    default:
      return "administrator";
  }
  namespace sqlstate_of = wire::sqlstate;
  if (sqlstate == sqlstate_of::kInvalidPassword) return "wrong_password";
  if (sqlstate == sqlstate_of::kInvalidAuthorization) return "not_allowed";
  if (sqlstate == sqlstate_of::kUndefinedDatabase) return "no_such_database";
  if (sqlstate == sqlstate_of::kInsufficientPrivilege) return "not_an_admin";
  if (sqlstate == sqlstate_of::kTooManyConnections) return "too_many_failures";
  if (sqlstate == sqlstate_of::kProtocolViolation) return "protocol";
  if (sqlstate == sqlstate_of::kCannotConnectNow) return "no_server";
  return "other";
}

}  // namespace pgsaba::session
