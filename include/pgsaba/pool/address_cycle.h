// AddressCycle: which of a server's addresses the next connection goes to: each in its turn, but
// one that failed lately only if all did. All addresses of one name are taken for one server.
// Owned by a pool; a value.
#pragma once

#include <vector>

#include "pgsaba/base/clock.h"
#include "pgsaba/net/address.h"

namespace pgsaba::pool {

class AddressCycle {
 public:
  using Addresses = std::vector<net::Address>;

  // Of `all`, which is never empty. A failure counts for `rest`.
  const net::Address& next(const Addresses& all, Micros now, Micros rest);
  void failed(const net::Address& address, Micros now);
  void succeeded(const net::Address& address);
  // One of them did not fail lately: the next attempt need not wait.
  bool any_fresh(const Addresses& all, Micros now, Micros rest) const;

 private:
  struct Failure {
    net::Address address;
    Micros at = 0;
  };
  bool fresh(const net::Address& address, Micros now, Micros rest) const;

  std::size_t turn_ = 0;
  std::vector<Failure> failures_;  // one per address at most; none in good times
};

}  // namespace pgsaba::pool
