// CancelConnection: carries one cancel request to PostgreSQL: connects, says so, and waits until
// the server closes, which it does after the signal was sent. Until then the server connection that
// is aimed at must not serve anybody else. Owned by a worker.
#pragma once

#include "pgsaba/net/connection.h"
#include "pgsaba/pool/pool_key.h"
#include "pgsaba/wire/frontend.h"
#include "pgsaba/worker/worker.h"

namespace pgsaba::worker {

class CancelConnection final : public net::Connection {
 public:
  CancelConnection(Worker& worker, pool::PoolKey key, std::uint64_t server_id, Micros deadline)
      : Connection(worker.turn(), Side::kServer),
        worker_(worker),
        key_(std::move(key)),
        server_id_(server_id),
        deadline_(deadline) {}

  void open(net::Socket socket, const wire::CancelKey& key) {
    attach_connecting(socket);
    std::string request;
    wire::append_cancel_request(request, key);
    send(request);
  }
  void step() override {
    gather(true);
    retain(0);
    if (broken() || ended()) worker_.cancel_done(*this);
  }

  const pool::PoolKey& pool() const { return key_; }
  std::uint64_t server_id() const { return server_id_; }
  Micros deadline() const { return deadline_; }

 private:
  Worker& worker_;
  pool::PoolKey key_;
  std::uint64_t server_id_;
  Micros deadline_;
};

}  // namespace pgsaba::worker
