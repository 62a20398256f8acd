#include "session/relay.h"

#include <algorithm>
#include <array>

namespace pgsaba::session {

using server::CloseReason;
using server::DedicatedConnection;

namespace {

struct Word {
  std::string_view text;
  std::size_t shortest;  // prefix that is still unique
  bool means;
};
constexpr std::array<Word, 8> kWords = {{{"true", 1, true},
                                         {"yes", 1, true},
                                         {"on", 2, true},
                                         {"1", 1, true},
                                         {"false", 1, false},
                                         {"no", 1, false},
                                         {"off", 2, false},
                                         {"0", 1, false}}};

}  // namespace

// As ProcessStartupPacket in src/backend/postmaster/postmaster.c: "database", or what parse_bool
// in src/backend/utils/adt/bool.c takes for a truth value.
std::optional<stats::Replication> read_replication_mode(std::string_view value) {
  if (value == "database") return stats::Replication::kLogical;
  const std::string given = server::lower_case(value);
  const auto word = std::ranges::find_if(kWords, [&](const Word& known) {
    return given.size() >= known.shortest && known.text.starts_with(given);
  });
  if (word == kWords.end()) return std::nullopt;
  return word->means ? stats::Replication::kPhysical : stats::Replication::kNone;
}

// User and database are the pool's; an option of the protocol is an agreement with us alone.
Relay::Relay(ClientSession& client, stats::Replication mode, const wire::StartupMessage& startup)
    : client_(client), mode_(mode) {
  for (const auto& [name, value] : startup.parameters)
    if (name != "user" && name != "database" && !name.starts_with("_pq_."))
      startup_.emplace_back(name, value);
}

void Relay::begin(pool::Pool& pool) {
  pool_ = &pool;
  pool.dedicated().request(*this);
}

void Relay::close() {
  if (dedicated_hook.linked()) pool_->dedicated().leave(*this);
  if (server_ != nullptr) pool_->dedicated().give_back(*std::exchange(server_, nullptr));
}

void Relay::client_sent(Bytes bytes) {
  if (server_ == nullptr) return;
  pool_->totals().bytes_received += bytes.size();
  server_->send(bytes);
}

void Relay::client_drained() {
  if (server_ != nullptr) return server_->schedule();
  client_.relay_ended();
}

void Relay::dedicated_refused(const wire::ErrorFields& error) {
  client_.end(EndReason::kNoServer, error);
}

void Relay::dedicated_ready(DedicatedConnection& server) {
  client_.relay_opens(server.login().parameters());
}

void Relay::dedicated_sent(Bytes bytes) {
  pool_->totals().bytes_sent += bytes.size();
  client_.send(bytes);
}

// The server's last words may still lie with us: the client gets them before its own end.
void Relay::dedicated_lost(DedicatedConnection& server, CloseReason reason) {
  if (client_.state() != ClientSession::State::kRelay) return refuse(server, reason);
  close();
  client_.relay_ended();
}

// The server's own word goes to the client as it is.
void Relay::refuse(const DedicatedConnection& server, CloseReason reason) {
  if (!server.refusal().empty()) {
    client_.send(server.refusal());
    return client_.end(EndReason::kLoginFailed);
  }
  const wire::ErrorFields& error = server.login().error();
  if (reason == CloseReason::kLoginFailed) return client_.end(EndReason::kLoginFailed, error);
  if (reason == CloseReason::kTlsFailed)
    return client_.end(EndReason::kNoServer,
                       pool_->tls_error(server.address(), server.tls_error()));
  const std::string why = reason == CloseReason::kConnectTimeout ? "no answer within server_connect"
                                                                 : std::string(describe(reason));
  pool_->address_failed(server.address());  // whoever comes next goes to another one
  client_.end(EndReason::kNoServer, pool_->connect_error(server.address(), why));
}

}  // namespace pgsaba::session
