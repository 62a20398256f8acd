// CancelConnection: carries one cancel request to PostgreSQL: connects, with TLS if the connection
// that it is about has it, says so, and waits until the server closes, which it does after the
// signal was sent. Until then the server connection that is aimed at must not serve anybody else;
// if that does not happen within cancel_wait, it never serves anybody else again. Owned by a
// worker.
#pragma once

#include "pgsaba/pool/pool_key.h"
#include "pgsaba/server/outgoing_connection.h"
#include "pgsaba/wire/frontend.h"
#include "worker/cancel_desk.h"

namespace pgsaba::worker {

class CancelConnection final : public server::OutgoingConnection {
 public:
  CancelConnection(CancelDesk& desk, net::Turn& turn, std::uint32_t client, pool::PoolKey key,
                   std::uint64_t server_id, Micros deadline)
      : OutgoingConnection(turn),
        desk_(desk),
        client_(client),
        key_(std::move(key)),
        server_id_(server_id),
        deadline_(deadline) {}

  Status open(const net::Address& address, const net::SocketOptions& options,
              const server::TlsWish& wish, const wire::CancelKey& key) {
    cancel_key_ = key;
    line_ = address.to_string();
    return begin_connecting(address, options, wish);
  }
  void step() override {
    if (!has_agreed()) return agree();
    retain(gather(true).size());
    if (broken() || ended()) desk_.carried(*this);
  }

  std::uint32_t client() const { return client_; }  // 0: nobody's any more
  const pool::PoolKey& pool() const { return key_; }
  std::uint64_t server_id() const { return server_id_; }
  const std::string& line() const { return line_; }  // of the desk's
  Micros deadline() const { return deadline_; }
  // The request is on its way, and nobody knows what it will hit, or when.
  bool in_doubt() const { return sent_ && (broken() || !ended()); }

 private:
  void agreed() override {
    std::string request;
    wire::append_cancel_request(request, cancel_key_);
    send(request);
    sent_ = true;
  }
  void not_agreed() override { desk_.carried(*this); }

  CancelDesk& desk_;
  std::uint32_t client_;
  pool::PoolKey key_;
  std::uint64_t server_id_;
  std::string line_;
  wire::CancelKey cancel_key_;
  Micros deadline_;
  bool sent_ = false;
};

}  // namespace pgsaba::worker
