// TrafficTotals: what passed through, counted since the start. A worker owns one a pool and adds to
// it; others see copies in a snapshot, so nothing here is atomic.
// Times are microseconds. The order of the fields is that of PgBouncer's SHOW STATS.
#pragma once

#include <array>
#include <cstdint>

namespace pgsaba::stats {

struct TrafficTotals {
  std::uint64_t server_assignment_count = 0;  // leases given
  std::uint64_t xact_count = 0;
  std::uint64_t query_count = 0;
  std::uint64_t bytes_received = 0;  // from clients
  std::uint64_t bytes_sent = 0;      // to clients
  std::uint64_t xact_time_us = 0;
  std::uint64_t query_time_us = 0;
  std::uint64_t wait_time_us = 0;  // of clients, for a server
  std::uint64_t client_parse_count = 0;
  std::uint64_t server_parse_count = 0;
  std::uint64_t bind_count = 0;
  std::uint64_t client_login_count = 0;

  TrafficTotals& operator+=(const TrafficTotals& other);
  // What came since `earlier`. A field that fell (its pool is gone) counts as zero, not as 2^64.
  TrafficTotals& operator-=(const TrafficTotals& earlier);
  friend TrafficTotals operator+(TrafficTotals left, const TrafficTotals& right) {
    return left += right;
  }
  friend TrafficTotals operator-(TrafficTotals left, const TrafficTotals& right) {
    return left -= right;
  }
  bool operator==(const TrafficTotals&) const = default;
};

using TrafficField = std::uint64_t TrafficTotals::*;

// Every field once: whoever sums or prints them walks this list.
inline constexpr std::array<TrafficField, 12> kTrafficFields = {
    &TrafficTotals::server_assignment_count,
    &TrafficTotals::xact_count,
    &TrafficTotals::query_count,
    &TrafficTotals::bytes_received,
    &TrafficTotals::bytes_sent,
    &TrafficTotals::xact_time_us,
    &TrafficTotals::query_time_us,
    &TrafficTotals::wait_time_us,
    &TrafficTotals::client_parse_count,
    &TrafficTotals::server_parse_count,
    &TrafficTotals::bind_count,
    &TrafficTotals::client_login_count,
};
static_assert(sizeof(TrafficTotals) == kTrafficFields.size() * sizeof(std::uint64_t));

inline TrafficTotals& TrafficTotals::operator+=(const TrafficTotals& other) {
  for (const TrafficField field : kTrafficFields) this->*field += other.*field;
  return *this;
}

inline TrafficTotals& TrafficTotals::operator-=(const TrafficTotals& earlier) {
  for (const TrafficField field : kTrafficFields) {
    this->*field = this->*field < earlier.*field ? 0 : this->*field - earlier.*field;
  }
  return *this;
}

}  // namespace pgsaba::stats
