// CancelKey: what BackendKeyData gives a client and CancelRequest brings back. Four bytes of secret
// up to protocol 3.1, up to 256 from 3.2 on. Any thread; a value.
#pragma once

#include <cstdint>
#include <string>

namespace pgsaba::wire {

inline constexpr std::size_t kMaxCancelSecretBytes = 256;

struct CancelKey {
  std::uint32_t pid = 0;
  std::string secret;  // raw bytes

  bool operator==(const CancelKey&) const = default;
};

}  // namespace pgsaba::wire
