// LeaseReason: why a lease of a database whose reads are split went to a standby or to the primary,
// and LeaseCounts: how often. Values; the counts belong to one worker.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "pgsaba/base/clock.h"
#include "pgsaba/sql/access.h"

namespace pgsaba::routing {

// What is not listed is an AccessReason: the text of the statement says that it is no read.
enum class LeaseReason : std::uint8_t {
  kRead,                 // on a standby, as all up to kPrimary
  kReadOnlyTransaction,  // declared so
  kPrimary,              // no reason; what follows, goes to the primary
  kTransaction,          // not READ ONLY
  kSessionPooling,       // pool_mode: session
  kRoute,                // of the database or user
  kSessionRoute,         // SET pgsaba.route
  kHint,                 // the comment in the statement
  kIncomplete,           // a statement in pieces, or a batch that had not come up to its Sync
  kOther,                // a call of a function by protocol, a portal of another batch …
  kPrepared,             // a statement prepared earlier that is no read
  kNotLooked,            // what the database has of its own is not known yet
  kNoneFit,              // no standby streams and is near enough
  kNoneFresh,            // none showed in time what the read has to see
  kBehind,               // none was expected to, so it was not waited for
  kNotServed,            // the standby gave no server connection
  kRepeated,             // the standby refused it, or died
  kText,                 // and AccessReason
};

constexpr std::size_t kLeaseReasons =
    static_cast<std::size_t>(LeaseReason::kText) + sql::kAccessReasons;

// The number that stands for it, below kLeaseReasons.
constexpr LeaseReason lease_reason(sql::AccessReason reason) {
  return static_cast<LeaseReason>(static_cast<std::size_t>(LeaseReason::kText) +
                                  static_cast<std::size_t>(reason));
}
constexpr bool is_on_standby(LeaseReason reason) { return reason < LeaseReason::kPrimary; }

std::string_view text_of(LeaseReason reason);

struct LeaseCount {
  std::uint64_t leases = 0;
  std::uint64_t waited = 0;   // of these: for a standby, first
  std::uint64_t wait_us = 0;  // all together
};

class LeaseCounts {
 public:
  void add(LeaseReason reason) { ++at(reason).leases; }
  void add_wait(LeaseReason reason, Micros waited_us) {
    ++at(reason).waited;
    at(reason).wait_us += static_cast<std::uint64_t>(waited_us);
  }
  const LeaseCount& of(LeaseReason reason) const {
    return counts_[static_cast<std::size_t>(reason)];
  }

 private:
  LeaseCount& at(LeaseReason reason) { return counts_[static_cast<std::size_t>(reason)]; }

  std::array<LeaseCount, kLeaseReasons> counts_{};
};

}  // namespace pgsaba::routing
