// AddressBook: the addresses of all servers, looked up without blocking and looked up again, so
// that a name that moves is followed. What is no name needs no look-up, and is known at once.
// Control thread only.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "pgsaba/config/config.h"
#include "pgsaba/net/control_loop.h"

namespace pgsaba::control {

// The addresses that a name has by now, in an order of ours; none while they are not known.
using CurrentAddresses = std::shared_ptr<const std::vector<net::Address>>;

class AddressBook {
 public:
  // As in worker::Picture.
  using Addresses = std::map<std::string, std::vector<std::vector<net::Address>>, std::less<>>;
  using Servers = std::set<std::pair<std::string, std::size_t>>;

  AddressBook(net::ControlLoop& loop, std::function<void()> on_change)
      : loop_(loop), on_change_(std::move(on_change)) {}

  // Begins to look up every server of `config`, now and from time to time. What is known stays
  // valid for servers that are still there.
  void watch(const config::Config& config);
  Addresses addresses() const;
  // Servers, by cluster and index, of which nothing is known yet, since the first look-up goes on.
  Servers looking_up() const;
  // Every look-up has ended once, well or badly.
  bool complete() const;
  // Null: no server of the configuration is called so.
  CurrentAddresses find(const std::string& host, std::uint16_t port) const;

  // What is known of a name, whatever ports it is used with.
  struct Name {
    std::string host;
    std::set<std::string> addresses;  // empty: it could not be looked up, or not yet
    Micros valid_until = 0;           // by the monotonic clock; 0: it is being looked up
  };
  std::vector<Name> names() const;

 private:
  using Place = std::pair<std::string, std::uint16_t>;  // host and port
  struct Entry {
    std::shared_ptr<std::vector<net::Address>> addresses;
    bool first = true;  // the first look-up since the configuration was read
    bool failed = false;
    Micros valid_until = 0;  // 0: a look-up goes on
    net::Watch lookup;
    net::Watch refresh;
  };

  void add(const std::string& cluster, const Place& place, Entry* before);
  void look_up(const Place& place, Entry& entry);
  void on_answer(const Place& place, Entry& entry, const net::ControlLoop::Addresses& answer);
  static bool take_over(const Place& place, Entry& entry, std::vector<net::Address> answer);

  net::ControlLoop& loop_;
  std::function<void()> on_change_;
  std::map<Place, Entry> entries_;
  std::map<std::string, std::vector<Place>> servers_;  // by cluster
  Micros ttl_us_ = 0;
  Micros failure_ttl_us_ = 0;
};

}  // namespace pgsaba::control
