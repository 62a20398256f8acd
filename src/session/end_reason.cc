#include "pgsaba/session/client_session.h"

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
  }
  return "?";
}

}  // namespace pgsaba::session
