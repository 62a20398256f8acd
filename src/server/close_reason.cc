#include "pgsaba/server/server_connection.h"

namespace pgsaba::server {

std::string_view describe(CloseReason reason) {
  switch (reason) {
    case CloseReason::kNone:
      return "none";
    case CloseReason::kConnectFailed:
      return "connect failed";
    case CloseReason::kTlsFailed:
      return "TLS failed";
    case CloseReason::kLoginFailed:
      return "login failed";
    case CloseReason::kConnectTimeout:
      return "connect timeout";
    case CloseReason::kServerClosed:
      return "server closed the connection";
    case CloseReason::kServerError:
      return "server ended the session";
    case CloseReason::kProtocolError:
      return "server broke the protocol";
    case CloseReason::kClientGone:
      return "client left in the middle";
    case CloseReason::kLifetime:
      return "server lifetime over";
    case CloseReason::kIdleTimeout:
      return "server idle timeout";
    case CloseReason::kReconnect:
      return "reconnect";
    case CloseReason::kTimeLimit:
      return "time limit of its client";
    case CloseReason::kDoubtful:
      return "replies in doubt";
    case CloseReason::kTainted:
      return "its session cannot be cleaned";
    case CloseReason::kNotClean:
      return "session could not be cleaned or restored";
    case CloseReason::kDeposed:
      return "the server is not the primary any more";
    case CloseReason::kSilent:
      return "the server does not answer";
    case CloseReason::kShutdown:
      return "shutting down";
    case CloseReason::kAdmin:
      return "closed by an administrator";
    case CloseReason::kSurplus:
      return "not needed";
  }
  return "?";
}

}  // namespace pgsaba::server
