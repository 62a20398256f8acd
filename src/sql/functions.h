// What PostgreSQL's own functions do to a session, by name. The list is functions.inc, written by
// make-functions, which holds the patterns. Pure.
#pragma once

#include <cstdint>
#include <string_view>

namespace pgsaba::sql {

enum class FunctionClass : std::uint8_t {
  kUnknown,          // not on the list
  kHarmless,         // on any server of the cluster, in any session
  kWrite,            // writes, or needs a transaction that may write; leaves nothing in the session
  kSetConfig,        // set_config
  kLock,             // takes an advisory lock of the session
  kUnlock,           // gives up advisory locks of the session
  kTransactionLock,  // takes an advisory lock until the transaction is over
  kSequence,         // nextval, setval
  kSequenceRead,     // currval, lastval
  kNotify,           // pg_notify
  kInstance,         // tells of the server that it runs on
  kSessionRead,      // tells of the session that it runs in
  kOpaque,           // runs SQL that it is given as a string, or by the name of a cursor
  kControl,          // commands the server that it runs on
  kIrreversible,     // leaves in the session what only its end undoes
};

// `name` as it was typed; a quoted one (without its quotes) is the same only in lower case.
FunctionClass function_class(std::string_view name, bool quoted);

// A function that is harmless though it is volatile: it answers anew each time, that is all. `name`
// in lower case.
bool is_harmless_volatile(std::string_view name);

}  // namespace pgsaba::sql
