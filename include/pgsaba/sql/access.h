// Access: where the text of a query may run, and why. "Unknown means primary": a text is a read
// only if every part of it is proven harmless by its tokens and the names in it. Not to be seen in
// a text, and so never a reason here: what views, operators, casts, types, policies and functions
// with the name of a harmless one of PostgreSQL's do; and what a sequence shows, which on a standby
// is up to 32 values ahead. Whoever has read the catalogue adds them (OwnObjects). Values; any
// thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace pgsaba::sql {

// The later one is the stronger one: a string is what the strongest of its parts is.
enum class Access : std::uint8_t {
  kRead,         // on any server of the cluster, in any session; also a text without a statement
  kPrimaryRead,  // writes nothing, but tells of the server or session that it runs in, or sets it
  kOwnCode,      // a read, were it not for code of the database's own, which may do anything
  kUnknown,      // may do anything
  kWrite,        // writes, locks or commands a server
};

// Of a string: of the first part that makes it what it is. kNone: it is a read.
enum class AccessReason : std::uint8_t {
  kNone,
  kStatement,         // INSERT, CREATE, LOCK, DO …; also as what EXPLAIN explains
  kTransaction,       // BEGIN, COMMIT, SAVEPOINT, SET TRANSACTION …
  kSession,           // SET, PREPARE, LISTEN, DISCARD … and what else changes the session
  kExecute,           // EXECUTE: whatever was prepared
  kCursor,            // DECLARE, FETCH, CLOSE
  kCopy,              // COPY FROM, COPY TO a file or program
  kSetting,           // SHOW of what is not a parameter of the session
  kLockingClause,     // FOR UPDATE, FOR NO KEY UPDATE, FOR SHARE, FOR KEY SHARE
  kInto,              // SELECT INTO
  kDataModifying,     // INSERT, UPDATE, DELETE or MERGE in or behind WITH, or in COPY (…)
  kWritingFunction,   // nextval, lo_create, pg_notify …
  kAdvisoryLock,      // pg_advisory_lock …: on a standby it excludes nobody
  kControlFunction,   // pg_cancel_backend, pg_promote, pg_stat_reset …
  kInstanceFunction,  // pg_is_in_recovery, pg_backend_pid …
  kSessionFunction,   // currval, set_config, setseed …
  kOpaqueFunction,    // runs SQL that is given as a string: query_to_xml …
  kUnknownFunction,   // a function or OPERATOR(schema.…) that is not known to be harmless
  kDeniedFunction,    // by the administrator's list
  kInstanceRelation,  // pg_stat_…, pg_locks …
  kDeniedRelation,    // by the administrator's list
  kOwnObject,         // of the database's own: a view, function, operator … (OwnObjects)
  kTemporary,         // pg_temp.…
  kUnreadable,        // a quote or comment that does not end, a NUL, U&"…"
};
inline constexpr std::size_t kAccessReasons =
    static_cast<std::size_t>(AccessReason::kUnreadable) + 1;

// The first comment of the form /* pgsaba:primary */ or /* pgsaba:replica */, in any case, with any
// blanks around it; a comment with anything else in it is no hint.
enum class RouteHint : std::uint8_t { kNone, kPrimary, kReplica };

// In the administrator's words; nothing for kNone.
std::string_view text_of(Access access);
std::string_view text_of(AccessReason reason);
std::string_view text_of(RouteHint hint);

}  // namespace pgsaba::sql
