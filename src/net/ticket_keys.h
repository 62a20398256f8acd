// TicketKeys: the keys that seal the tickets by which TLS sessions are resumed. Each is used for an
// hour and known for two more, as long as a ticket is good: whoever learns a key later opens with
// TLS 1.2 what was said in that time, not what was said since the process began.
// Any thread; bounded.
#pragma once

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <mutex>
#include <span>

#include "pgsaba/base/clock.h"

namespace pgsaba::net {

struct TicketKey {
  std::array<std::uint8_t, 16> name{};
  std::array<std::uint8_t, 32> cipher{};
  std::array<std::uint8_t, 32> mac{};
  Micros since = 0;

  TicketKey() = default;
  TicketKey(const TicketKey&) = default;
  TicketKey& operator=(const TicketKey&) = default;
  ~TicketKey() {
    ::OPENSSL_cleanse(cipher.data(), cipher.size());
    ::OPENSSL_cleanse(mac.data(), mac.size());
  }
};

class TicketKeys {
 public:
  static constexpr Micros kUsed = 3'600 * kSecond;
  static constexpr Micros kKnown = 3 * kUsed;

  // The key for new tickets. False: there are no random numbers.
  bool current(Micros now, TicketKey& key) {
    const std::lock_guard lock(mutex_);
    forget(now);
    if ((keys_.empty() || now - keys_.front().since >= kUsed) && !make(now)) return false;
    key = keys_.front();
    return true;
  }

  // The key of a ticket that a client shows, if it is known; `newest`: new tickets have it, too.
  bool find(std::span<const std::uint8_t> name, Micros now, TicketKey& key, bool& newest) {
    const std::lock_guard lock(mutex_);
    forget(now);
    const auto found = std::ranges::find_if(
        keys_, [&](const TicketKey& one) { return std::ranges::equal(one.name, name); });
    if (found == keys_.end()) return false;
    key = *found;
    newest = found == keys_.begin() && now - key.since < kUsed;
    return true;
  }

 private:
  void forget(Micros now) {
    while (!keys_.empty() && now - keys_.back().since >= kKnown) keys_.pop_back();
  }

  bool make(Micros now) {
    TicketKey& key = keys_.emplace_front();
    key.since = now;
    const auto fill = [](auto& bytes) {
      return ::RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) == 1;
    };
    if (fill(key.name) && fill(key.cipher) && fill(key.mac)) return true;
    keys_.pop_front();
    return false;
  }

  std::mutex mutex_;
  std::deque<TicketKey> keys_;  // the newest first
};

}  // namespace pgsaba::net
