// Relay: a client that has a server of its own, for replication: what it needs beyond other
// clients, from the proof of its login on. Bytes pass as they come; who reads and who waits is
// decided by how much lies unsent at the other side.
// Owned by the client's session; one thread.
#pragma once

#include <optional>
#include <string_view>

#include "pgsaba/pool/pool.h"
#include "pgsaba/session/client_session.h"
#include "pgsaba/stats/snapshot.h"
#include "pgsaba/wire/startup.h"

namespace pgsaba::session {

// What the startup parameter `replication` means; nothing if PostgreSQL would refuse it.
std::optional<stats::Replication> read_replication_mode(std::string_view value);

class Relay final : public pool::DedicatedClient {
 public:
  Relay(ClientSession& client, stats::Replication mode, const wire::StartupMessage& startup);
  ~Relay() override { close(); }

  stats::Replication mode() const { return mode_; }
  server::DedicatedConnection* server() const { return server_; }

  // Asks the pool for a server; the session hears of it by `relay_opens` or by its end.
  void begin(pool::Pool& pool);
  void client_sent(Bytes bytes);
  bool takes_bytes() const { return server_ != nullptr && !server_->congested(); }
  // The client is gone: so is its server, or its place in the queue.
  void close();
  // The client has taken bytes.
  void client_drained();

  // pool::DedicatedClient and server::DedicatedHolder
  void dedicated_opened(server::DedicatedConnection& server) override { server_ = &server; }
  void dedicated_refused(const wire::ErrorFields& error) override;
  const wire::ParameterList& startup_parameters() const override { return startup_; }
  void dedicated_ready(server::DedicatedConnection& server) override;
  void dedicated_sent(Bytes bytes) override;
  void dedicated_lost(server::DedicatedConnection& server, server::CloseReason reason) override;
  bool accepts_bytes() const override { return !client_.congested(); }
  void dedicated_drained() override { client_.schedule(); }

 private:
  void refuse(const server::DedicatedConnection& server, server::CloseReason reason);

  ClientSession& client_;
  stats::Replication mode_;
  wire::ParameterList startup_;
  pool::Pool* pool_ = nullptr;
  server::DedicatedConnection* server_ = nullptr;
};

}  // namespace pgsaba::session
