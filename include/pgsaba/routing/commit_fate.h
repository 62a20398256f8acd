// Fate: what has become of a COMMIT whose server was lost before it answered. The transaction's id
// was asked for in front of the COMMIT; afterwards a server is asked what it knows of that id.
// Pure; any thread. Source: PostgreSQL's pg_xact_status (txid_status), TransamVariables.
//
// An id is only good on the timeline it comes from. And after a crash it may be given again to
// another transaction, if nothing of the first one had come to disk: "committed" is then about the
// other one. So it counts only if the server has not been restarted since, or was known to be past
// that id when it was.
#pragma once

#include <cstdint>
#include <string_view>

#include "pgsaba/base/clock.h"

namespace pgsaba::routing {

enum class Fate : std::uint8_t { kUnknown, kCommitted, kRolledBack, kStillRuns };

// What is known of a transaction in front of its COMMIT.
struct CommitMark {
  std::uint64_t xid = 0;  // with its epoch; 0: it has none, or it is not known
  std::uint32_t timeline = 0;
  Micros asked_at = 0;  // these were asked for; monotonic

  bool known() const { return xid != 0 && timeline != 0; }
};

// What a server says later that is not in recovery.
struct FateEvidence {
  std::uint32_t timeline = 0;
  // It is the server of the COMMIT, and one of its processes that was there before `asked_at` still
  // is.
  bool same_life = false;
  // The id that was the next one when the server began this life; 0: it does not say any more.
  std::uint64_t first_xid = 0;
  bool never_given = false;      // the server has not come to that id
  std::string_view status = {};  // of that id, in PostgreSQL's words; empty: too long ago
};

Fate fate_of(const CommitMark& mark, const FateEvidence& evidence);

std::string_view text_of(Fate fate);

// "7:1234" (epoch and id), or "1234": as one number; 0: it is none.
std::uint64_t full_xid(std::string_view text);

}  // namespace pgsaba::routing
