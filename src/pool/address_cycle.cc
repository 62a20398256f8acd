#include "pgsaba/pool/address_cycle.h"

#include <algorithm>
#include <cassert>

namespace pgsaba::pool {

const net::Address& AddressCycle::next(const Addresses& all, Micros now, Micros rest) {
  assert(!all.empty());
  // What left the list meanwhile must not be remembered for ever.
  std::erase_if(failures_, [&](const Failure& failure) { return now - failure.at >= rest; });
  for (std::size_t i = 0; i < all.size(); ++i) {
    const net::Address& candidate = all[turn_++ % all.size()];
    if (fresh(candidate, now, rest)) return candidate;
  }
  return all[turn_++ % all.size()];
}

void AddressCycle::failed(const net::Address& address, Micros now) {
  succeeded(address);
  failures_.push_back({address, now});
}

void AddressCycle::succeeded(const net::Address& address) {
  std::erase_if(failures_, [&](const Failure& failure) { return failure.address == address; });
}

bool AddressCycle::any_fresh(const Addresses& all, Micros now, Micros rest) const {
  return std::ranges::any_of(
      all, [&](const net::Address& address) { return fresh(address, now, rest); });
}

bool AddressCycle::fresh(const net::Address& address, Micros now, Micros rest) const {
  return std::ranges::none_of(failures_, [&](const Failure& failure) {
    return failure.address == address && now - failure.at < rest;
  });
}

}  // namespace pgsaba::pool
