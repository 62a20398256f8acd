// EndReason: why a client's connection ended; each stands in the log. Values; any thread.
#pragma once

#include <cstdint>
#include <string_view>

namespace pgsaba::session {

enum class EndReason : std::uint8_t {
  kNone,
  kClientTerminated,  // it said Terminate
  kClientClosed,      // it closed the connection
  kClientReset,       // the connection broke
  kCancelRequest,     // it came to bring a cancel request
  kProtocolError,
  kTlsFailed,
  kLoginFailed,
  kLoginTimeout,
  kLimit,     // of connections
  kNoServer,  // none could be had
  kWaitTimeout,
  kQueryTimeout,
  kIdleTimeout,
  kIdleTransactionTimeout,
  kTransactionTimeout,
  kStalledMessage,
  kServerLost,
  kPinTimeout,
  kModeViolation,  // a transaction block under statement pooling
  kShutdown,
  kAdmin,
  kMoved,  // it goes on in another process
};
std::string_view describe(EndReason reason);
// Why a login came to nothing that ended for this reason, maybe with an error, in a word for
// statistics; empty: it was none.
std::string_view login_refusal(EndReason reason, std::string_view sqlstate);

}  // namespace pgsaba::session
