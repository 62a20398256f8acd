// The untyped packets a client may begin with: startup, SSLRequest, GSSENCRequest, CancelRequest.
// Source: "Message Formats" and "Start-up" of the protocol chapter; limits follow
// ProcessStartupPacket in src/backend/tcop/backend_startup.c. Any thread; values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "pgsaba/base/bytes.h"
#include "pgsaba/wire/cancel_key.h"
#include "pgsaba/wire/frontend.h"

namespace pgsaba::wire {

inline constexpr std::size_t kMaxStartupBytes = 10'000;  // MAX_STARTUP_PACKET_LENGTH

struct SslRequest {};
struct GssRequest {};
struct CancelRequest {
  CancelKey key;
};
struct StartupMessage {
  std::uint32_t version = 0;  // major in the upper half, minor in the lower
  ParameterList parameters;   // in the client's order

  std::uint16_t major() const { return static_cast<std::uint16_t>(version >> 16); }
  std::uint16_t minor() const { return static_cast<std::uint16_t>(version & 0xffff); }
  const std::string* find(std::string_view name) const;
};
struct BrokenStartup {
  std::string reason;
};
using StartupPacket =
    std::variant<SslRequest, GssRequest, CancelRequest, StartupMessage, BrokenStartup>;

struct CutStartup {
  StartupPacket packet;
  std::size_t consumed = 0;
};

// The packet at the front of `input`; nothing while it is incomplete.
std::optional<CutStartup> cut_startup(Bytes input);

}  // namespace pgsaba::wire
