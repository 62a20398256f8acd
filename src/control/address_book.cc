#include "control/address_book.h"

#include <algorithm>

#include "pgsaba/base/log.h"
#include "pgsaba/worker/picture.h"

namespace pgsaba::control {

void AddressBook::watch(const config::Config& config) {
  ttl_us_ = std::max<Micros>(kSecond, config.dns.max_ttl_us);
  failure_ttl_us_ = std::max<Micros>(kSecond, config.dns.nxdomain_ttl_us);
  std::map<std::pair<std::string, std::uint16_t>, std::vector<net::Address>> before;
  for (const auto& entry : entries_)
    before[{entry->host, entry->port}] = addresses_[entry->cluster][entry->server];
  addresses_.clear();
  entries_.clear();
  pending_ = 0;
  const auto add = [&](const std::string& cluster, const std::string& host, std::uint16_t port) {
    auto& known = addresses_[cluster];
    entries_.push_back(std::make_unique<Entry>());
    Entry& entry = *entries_.back();
    entry.cluster = cluster;
    entry.server = known.size();
    entry.host = host;
    entry.port = port;
    known.push_back(before[{host, port}]);
  };
  for (const auto& [name, cluster] : config.clusters)
    for (const config::ServerAddress& server : cluster.servers) add(name, server.host, server.port);
  for (const auto& [id, peer] : config.peers)
    add(std::string(worker::kPeerAddresses), peer.host, peer.port);
  pending_ = entries_.size();
  for (const auto& entry : entries_) look_up(*entry);
}

void AddressBook::look_up(Entry& entry) {
  entry.lookup = loop_.resolve(
      entry.host, entry.port,
      [this, &entry](const net::ControlLoop::Addresses& answer) { on_answer(entry, answer); });
}

// True if the answer is another one than before. Lists come in any order, so the order is ours.
bool AddressBook::take_over(const Entry& entry, const std::vector<net::Address>& answer) {
  std::vector<net::Address>& place = addresses_[entry.cluster][entry.server];
  std::vector<net::Address> next = answer;
  std::ranges::sort(next, {}, &net::Address::to_string);
  if (next == place) return false;
  std::string names;
  for (const net::Address& address : next)
    names += (names.empty() ? "" : ", ") + address.to_string();
  if (!place.empty()) log::info("server {} moved to {}", entry.host, names);
  place = std::move(next);
  return true;
}

void AddressBook::on_answer(Entry& entry, const net::ControlLoop::Addresses& answer) {
  const bool first = !entry.refresh;
  if (answer.ok()) {
    entry.failed = false;
    if (take_over(entry, *answer) && !first) on_change_();
  } else if (!std::exchange(entry.failed, true)) {
    log::warning("cannot look up server {}: {}", entry.host, answer.error().message);
  }
  const Micros again = answer.ok() ? ttl_us_ : failure_ttl_us_;
  entry.refresh = loop_.after(again, [this, &entry] { look_up(entry); });
  if (first && --pending_ == 0) on_change_();
}

}  // namespace pgsaba::control
