// The number of a client: its worker in the upper bits, so that a cancel request and a notification
// find their way. Also the process number of its cancel key.
#pragma once

#include <cstddef>
#include <cstdint>

namespace pgsaba::worker {

inline constexpr unsigned kWorkerShift = 25;
inline constexpr std::uint32_t kSequenceMask = (1U << kWorkerShift) - 1;

inline std::size_t worker_of(std::uint32_t client) { return client >> kWorkerShift; }

}  // namespace pgsaba::worker
