// The number of a client: its worker in the upper bits, so that a cancel request and a notification
// find their way. And the process number of its cancel key: the same number, or, with a peer_id,
//
//   bit 31  30 ─────── 24  23 ────── 18  17 ──────────── 0
//   0       peer_id        worker        the number's end
//
// so that any process of a group sees whose it is. Numbers that end alike have different secrets.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "pgsaba/config/config.h"

namespace pgsaba::worker {

inline constexpr unsigned kWorkerShift = 25;
inline constexpr std::uint32_t kSequenceMask = (1U << kWorkerShift) - 1;
// Below it are the numbers of processes (Linux: PID_MAX_LIMIT). A client that takes its own number
// for that of its server process must not end somebody else's, nor take a notification for its own.
inline constexpr std::uint32_t kLeastSequence = 1U << 22;

// The one that follows; they begin again behind the last.
inline std::uint32_t sequence_after(std::uint32_t sequence) {
  return std::max(kLeastSequence, (sequence + 1) & kSequenceMask);
}

inline std::size_t worker_of(std::uint32_t client) { return client >> kWorkerShift; }

inline constexpr unsigned kKeyPeerShift = 24;
inline constexpr unsigned kKeyWorkerShift = 18;
inline constexpr std::uint32_t kKeySequenceMask = (1U << kKeyWorkerShift) - 1;
inline constexpr std::uint32_t kKeyWorkerMask = (1U << (kKeyPeerShift - kKeyWorkerShift)) - 1;
static_assert(config::kMostPeers < 1U << (31 - kKeyPeerShift));

// `own` is our peer_id, 0 without one.
inline std::uint32_t key_pid_of(std::uint32_t client, std::uint32_t own) {
  if (own == 0) return client;
  return own << kKeyPeerShift | static_cast<std::uint32_t>(worker_of(client)) << kKeyWorkerShift |
         (client & kKeySequenceMask);
}
inline std::uint32_t peer_of_key(std::uint32_t key_pid) { return key_pid >> kKeyPeerShift; }
inline std::size_t worker_of_key(std::uint32_t key_pid, std::uint32_t own) {
  return own == 0 ? worker_of(key_pid) : key_pid >> kKeyWorkerShift & kKeyWorkerMask;
}

}  // namespace pgsaba::worker
