#include "control/address_book.h"

#include <algorithm>

#include "pgsaba/base/log.h"

namespace pgsaba::control {

void AddressBook::watch(const config::Config& config) {
  ttl_us_ = std::max<Micros>(kSecond, config.dns.max_ttl_us);
  failure_ttl_us_ = std::max<Micros>(kSecond, config.dns.nxdomain_ttl_us);
  const Addresses before = std::exchange(addresses_, {});
  entries_.clear();
  pending_ = 0;
  for (const auto& [name, cluster] : config.clusters) {
    auto& known = addresses_[name];
    const auto old = before.find(name);
    for (std::size_t i = 0; i < cluster.servers.size(); ++i) {
      const config::ServerAddress& server = cluster.servers[i];
      const bool kept = old != before.end() && i < old->second.size() && old->second[i] &&
                        old->second[i]->host() == server.host;
      known.push_back(kept ? old->second[i] : std::nullopt);
      entries_.push_back(std::make_unique<Entry>());
      Entry& entry = *entries_.back();
      entry.cluster = name;
      entry.server = i;
      entry.host = server.host;
      entry.port = server.port;
    }
  }
  pending_ = entries_.size();
  for (const auto& entry : entries_) look_up(*entry);
}

void AddressBook::look_up(Entry& entry) {
  entry.lookup = loop_.resolve(
      entry.host, entry.port,
      [this, &entry](const net::ControlLoop::Addresses& answer) { on_answer(entry, answer); });
}

void AddressBook::on_answer(Entry& entry, const net::ControlLoop::Addresses& answer) {
  const bool first = !entry.refresh;
  if (answer.ok()) {
    entry.failed = false;
    auto& place = addresses_[entry.cluster][entry.server];
    // While the address in use is still among the answers, it stays: lists come in any order.
    const bool current = place && std::ranges::find(*answer, *place) != answer->end();
    if (!current) {
      if (place) log::info("server {} moved to {}", entry.host, answer->front().to_string());
      place = answer->front();
    }
    if (!current && !first) on_change_();
  } else if (!std::exchange(entry.failed, true)) {
    log::warning("cannot look up server {}: {}", entry.host, answer.error().message);
  }
  const Micros again = answer.ok() ? ttl_us_ : failure_ttl_us_;
  entry.refresh = loop_.after(again, [this, &entry] { look_up(entry); });
  if (first && --pending_ == 0) on_change_();
}

}  // namespace pgsaba::control
