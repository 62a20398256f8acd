// PeerDesk: carries cancel requests for clients of other pgsaba processes to them. Each peer has a
// queue of its own, so that one that does not answer holds up nobody else's; what has not got
// through within timeouts.cancel_wait is dropped, as is what no peer can have. Owned by a worker.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <vector>

#include "pgsaba/net/address.h"
#include "pgsaba/stats/snapshot.h"
#include "pgsaba/wire/cancel_key.h"
#include "pgsaba/worker/worker.h"

namespace pgsaba::worker {

class PeerDesk {
 public:
  static constexpr std::size_t kAtOnce = 16;  // connections to a peer

  explicit PeerDesk(Worker& worker);
  ~PeerDesk();

  void forward(std::uint32_t peer, const wire::CancelKey& key);
  // A peer forwarded what is not for us.
  void misled() { ++dropped_; }
  void tick();
  void close_all();
  std::vector<stats::PeerRow> rows() const;
  std::uint64_t dropped() const { return dropped_; }

 private:
  class Carrier;
  struct Waiting {
    wire::CancelKey key;
    Micros since = 0;
  };
  struct Line {
    std::deque<Waiting> waiting;
    std::vector<std::unique_ptr<Carrier>> carriers;
  };

  void start(std::uint32_t peer, Line& line);
  void carried(Carrier& carrier);
  const net::Address* address_of(std::uint32_t peer) const;

  Worker& worker_;
  std::map<std::uint32_t, Line> lines_;
  std::uint64_t dropped_ = 0;
};

}  // namespace pgsaba::worker
