#include "control/address_book.h"

#include <algorithm>

#include "pgsaba/base/log.h"
#include "pgsaba/worker/picture.h"

namespace pgsaba::control {

void AddressBook::watch(const config::Config& config) {
  ttl_us_ = std::max<Micros>(kSecond, config.dns.max_ttl_us);
  failure_ttl_us_ = std::max<Micros>(kSecond, config.dns.nxdomain_ttl_us);
  std::map<Place, Entry> before = std::exchange(entries_, {});
  servers_.clear();
  const auto add_server = [&](const std::string& cluster, const Place& place) {
    const auto known = before.find(place);
    add(cluster, place, known == before.end() ? nullptr : &known->second);
  };
  for (const auto& [name, cluster] : config.clusters)
    for (const config::ServerAddress& server : cluster.servers)
      add_server(name, {server.host, server.port});
  for (const auto& [id, peer] : config.peers)
    add_server(std::string(worker::kPeerAddresses), {peer.host, peer.port});
}

void AddressBook::add(const std::string& cluster, const Place& place, Entry* before) {
  servers_[cluster].push_back(place);
  const auto [at, is_new] = entries_.try_emplace(place);
  if (!is_new) return;
  Entry& entry = at->second;
  entry.addresses =
      before != nullptr ? before->addresses : std::make_shared<std::vector<net::Address>>();
  if (auto numeric = net::Address::from_host(place.first, place.second)) {
    *entry.addresses = {std::move(*numeric)};
    entry.first = false;
  } else {
    look_up(at->first, entry);
  }
}

AddressBook::Addresses AddressBook::addresses() const {
  Addresses all;
  for (const auto& [cluster, places] : servers_)
    for (const Place& place : places) all[cluster].push_back(*entries_.at(place).addresses);
  return all;
}

AddressBook::Servers AddressBook::looking_up() const {
  Servers servers;
  for (const auto& [cluster, places] : servers_) {
    for (std::size_t server = 0; server < places.size(); ++server) {
      const Entry& entry = entries_.at(places[server]);
      if (entry.first && entry.addresses->empty()) servers.emplace(cluster, server);
    }
  }
  return servers;
}

bool AddressBook::complete() const {
  return std::ranges::none_of(entries_, [](const auto& entry) { return entry.second.first; });
}

CurrentAddresses AddressBook::find(const std::string& host, std::uint16_t port) const {
  const auto entry = entries_.find({host, port});
  return entry == entries_.end() ? nullptr : entry->second.addresses;
}

std::vector<AddressBook::Name> AddressBook::names() const {
  std::vector<Name> all;
  for (const auto& [place, entry] : entries_) {
    if (net::Address::from_host(place.first, place.second)) continue;
    if (all.empty() || all.back().host != place.first)
      all.push_back({place.first, {}, entry.valid_until});
    Name& name = all.back();
    name.valid_until = std::min(name.valid_until, entry.valid_until);
    for (const net::Address& address : *entry.addresses) name.addresses.insert(address.host());
  }
  return all;
}

// Entries stay where they are for as long as they are there, and their watches end with them.
void AddressBook::look_up(const Place& place, Entry& entry) {
  entry.valid_until = 0;
  entry.lookup = loop_.resolve(place.first, place.second,
                               [this, &place, &entry](const net::ControlLoop::Addresses& answer) {
                                 on_answer(place, entry, answer);
                               });
}

// True if the answer is another one than before. Lists come in any order, so the order is ours.
bool AddressBook::take_over(const Place& place, Entry& entry, std::vector<net::Address> answer) {
  std::ranges::sort(answer, {}, &net::Address::to_string);
  if (answer == *entry.addresses) return false;
  std::string names;
  for (const net::Address& address : answer)
    names += (names.empty() ? "" : ", ") + address.to_string();
  if (!entry.addresses->empty()) log::info("server {} moved to {}", place.first, names);
  *entry.addresses = std::move(answer);
  return true;
}

void AddressBook::on_answer(const Place& place, Entry& entry,
                            const net::ControlLoop::Addresses& answer) {
  bool news = std::exchange(entry.first, false);
  if (answer.ok()) {
    entry.failed = false;
    news = take_over(place, entry, *answer) || news;
  } else if (!std::exchange(entry.failed, true)) {
    log::warning("cannot look up server {}: {}", place.first, answer.error().message);
  }
  const Micros again = answer.ok() ? ttl_us_ : failure_ttl_us_;
  entry.valid_until = monotonic_now() + again;
  entry.refresh = loop_.after(again, [this, &place, &entry] { look_up(place, entry); });
  if (news) on_change_();
}

}  // namespace pgsaba::control
