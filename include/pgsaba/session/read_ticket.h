// ReadTicket: a session's place among the reads of a standby, from the choice of the standby to the
// end of the lease; the balance counts it meanwhile. Owned by one session; the balance is the
// worker's and outlives it.
#pragma once

#include <utility>

#include "pgsaba/routing/read_balance.h"

namespace pgsaba::session {

class ReadTicket {
 public:
  ReadTicket() = default;
  ReadTicket(const ReadTicket&) = delete;
  ReadTicket& operator=(const ReadTicket&) = delete;
  ~ReadTicket() { drop(); }

  explicit operator bool() const { return balance_ != nullptr; }
  std::uint32_t server() const { return server_; }
  std::uint32_t life() const { return life_; }

  // `life` of the server, by the clock, at this moment.
  void take(routing::ReadBalance& balance, std::uint32_t server, std::uint32_t life) {
    drop();
    balance.began(server);
    balance_ = &balance;
    server_ = server;
    life_ = life;
  }
  // The server has it: what comes before, the opening of a connection perhaps, says nothing of how
  // fast the standby is.
  void start(Micros now) { since_ = now; }
  // The read is over; how long it took tells how fast the standby is.
  void finish(Micros now) {
    if (balance_ != nullptr) std::exchange(balance_, nullptr)->ended(server_, now - since_);
  }
  // It is over without having been served.
  void drop() {
    if (balance_ != nullptr) std::exchange(balance_, nullptr)->gave_up(server_);
  }

 private:
  routing::ReadBalance* balance_ = nullptr;
  std::uint32_t server_ = 0;
  std::uint32_t life_ = 0;
  Micros since_ = 0;
};

}  // namespace pgsaba::session
