// AddressBook: the addresses of all servers, looked up without blocking and looked up again, so
// that a name that moves is followed. Control thread only.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "pgsaba/config/config.h"
#include "pgsaba/net/control_loop.h"

namespace pgsaba::control {

class AddressBook {
 public:
  // As in worker::Picture.
  using Addresses = std::map<std::string, std::vector<std::vector<net::Address>>, std::less<>>;

  AddressBook(net::ControlLoop& loop, std::function<void()> on_change)
      : loop_(loop), on_change_(std::move(on_change)) {}

  // Begins to look up every server of `config`, now and from time to time. What is known stays
  // valid for servers that are still there.
  void watch(const config::Config& config);
  const Addresses& addresses() const { return addresses_; }
  // Every look-up has ended once, well or badly.
  bool complete() const { return pending_ == 0; }

 private:
  struct Entry {
    std::string cluster;
    std::size_t server = 0;
    std::string host;
    std::uint16_t port = 0;
    bool failed = false;
    net::Watch lookup;
    net::Watch refresh;
  };

  void look_up(Entry& entry);
  void on_answer(Entry& entry, const net::ControlLoop::Addresses& answer);
  bool take_over(const Entry& entry, const std::vector<net::Address>& answer);

  net::ControlLoop& loop_;
  std::function<void()> on_change_;
  Addresses addresses_;
  std::vector<std::unique_ptr<Entry>> entries_;
  std::size_t pending_ = 0;
  Micros ttl_us_ = 0;
  Micros failure_ttl_us_ = 0;
};

}  // namespace pgsaba::control
