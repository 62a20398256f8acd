// CancelKey: what BackendKeyData gives a client and CancelRequest brings back. Four bytes of secret
// up to protocol 3.1, up to 256 from 3.2 on. Any thread; a value.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace pgsaba::wire {

inline constexpr std::size_t kMaxCancelSecretBytes = 256;

struct CancelKey {
  std::uint32_t pid = 0;
  std::string secret;  // raw bytes

  bool operator==(const CancelKey&) const = default;
};

// A request that one process forwards to another has a byte behind its secret. No key that we give
// out is so long, so whoever gets it knows that it came from a peer, and forwards it no further.
inline constexpr char kForwarded = 'F';
inline CancelKey marked_as_forwarded(CancelKey key) {
  key.secret.push_back(kForwarded);
  return key;
}
// The key as the client sent it; nothing if nobody has forwarded it.
inline std::optional<CancelKey> without_forwarded_mark(const CancelKey& key) {
  const std::size_t size = key.secret.size();
  if ((size != 5 && size != 17) || key.secret.back() != kForwarded) return std::nullopt;
  return CancelKey{key.pid, key.secret.substr(0, size - 1)};
}

}  // namespace pgsaba::wire
