#include <pgsaba/auth/ip_address.h>
#include <pgsaba/auth/login_brake.h>

#include <algorithm>

namespace pgsaba::auth {

Micros LoginBrake::pause_after(std::uint32_t failures, Micros longest) {
  if (failures < kFree) return 0;
  constexpr std::uint32_t kMostDoublings = 20;
  return std::min(longest, kFirstPause << std::min(failures - kFree, kMostDoublings));
}

std::optional<Micros> LoginBrake::admit(const std::string& who, Micros now, Micros longest,
                                        Micros patience) {
  const std::lock_guard lock(mutex_);
  const auto found = records_.find(who);
  if (longest == 0 || found == records_.end()) return 0;
  Record& record = found->second;
  const Micros pause = pause_after(record.failures, longest);
  if (pause == 0) return 0;
  const Micros start = std::max(now, record.free_at);
  if (start - now > patience) return std::nullopt;
  record.free_at = start + pause;
  return start - now;
}

void LoginBrake::failed(const std::string& who, Micros now, Micros longest) {
  if (longest == 0) return;
  const std::lock_guard lock(mutex_);
  if (!records_.contains(who)) make_room(now);
  Record& record = records_[who];
  if (now - record.last >= kForgotten) record.failures = 0;
  record.last = now;
  ++record.failures;
  record.free_at = std::max(record.free_at, now + pause_after(record.failures, longest));
}

void LoginBrake::passed(const std::string& who) {
  const std::lock_guard lock(mutex_);
  records_.erase(who);
}

std::size_t LoginBrake::known() const {
  const std::lock_guard lock(mutex_);
  return records_.size();
}

void LoginBrake::make_room(Micros now) {
  if (records_.size() < kMostKnown) return;
  std::erase_if(records_, [now](const auto& one) { return now - one.second.last >= kForgotten; });
  while (records_.size() >= kMostKnown) records_.erase(records_.begin());
}

// Whoever has an IPv6 address has 2^64 of them.
std::string brake_name(const std::string& host, const std::string& user) {
  constexpr unsigned kHostsOwn = 64;
  const auto address = IpAddress::parse(host);
  if (!address) return host + '\n' + user;
  const IpAddress place = address->is_v6() ? address->prefix(kHostsOwn) : *address;
  return place.to_string() + '\n' + user;
}

}  // namespace pgsaba::auth
