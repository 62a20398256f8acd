// Acceptor: notes that a listening socket has clients to accept. Owned by a worker.
#pragma once

#include "pgsaba/net/network.h"

namespace pgsaba::worker {

class Acceptor final : public net::Pollable {
 public:
  explicit Acceptor(net::Socket listener) : listener_(listener) {}

  void ready(net::SocketReadiness) override { waiting_ = true; }
  bool take_waiting() { return std::exchange(waiting_, false); }
  net::Socket listener() const { return listener_; }

 private:
  net::Socket listener_;
  bool waiting_ = false;
};

}  // namespace pgsaba::worker
