// Statement: what the text of a query is, read in one pass over its tokens, without a syntax tree
// and without an allocation. It is suspicious rather than exact: what it does not understand, it
// takes for something that may do anything. Pure; any thread.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pgsaba/sql/access.h"
#include "pgsaba/sql/access_rules.h"
#include "pgsaba/sql/dialect.h"

namespace pgsaba::sql {

// The kind of a statement, by its first words.
enum class Command : std::uint8_t {
  kEmpty,   // blanks, comments and semicolons
  kSelect,  // SELECT, VALUES, TABLE, WITH (whatever it ends in), and these in parentheses
  kInsert,
  kUpdate,
  kDelete,
  kMerge,
  kBegin,     // BEGIN, START TRANSACTION
  kCommit,    // COMMIT, END
  kRollback,  // ROLLBACK, ABORT
  kSavepoint,
  kRelease,
  kRollbackTo,
  kPrepareTransaction,
  kCommitPrepared,  // also ROLLBACK PREPARED
  kSetTransaction,  // SET TRANSACTION, SET LOCAL TRANSACTION …, SET CONSTRAINTS
  kSet,             // SET, RESET of parameters, roles, SESSION CHARACTERISTICS
  kShow,
  kListen,  // LISTEN, UNLISTEN
  kNotify,
  kPrepare,
  kExecute,
  kDeallocate,
  kDiscard,
  kDeclare,
  kFetch,  // FETCH, MOVE
  kClose,
  kCopy,
  kExplain,
  kCreate,
  kAlter,
  kDrop,
  kDo,
  kCall,
  kLoad,
  kOther,
};

// What a statement may leave behind in the session when its transaction is over. Bits; "may".
using Effects = std::uint32_t;
namespace effect {
inline constexpr Effects kNone = 0;
// Changes parameters that touched_settings() can name: SET (not LOCAL), RESET, set_config with a
// constant or a parameter of the query as its name.
inline constexpr Effects kSetting = 1U << 0;
// Changes parameters that only the server can name: RESET ALL, DISCARD ALL, set_config(expression).
inline constexpr Effects kAnySetting = 1U << 1;
// Makes or drops a temporary object: CREATE TEMP …, SELECT INTO TEMP, pg_temp anywhere, DISCARD
// TEMP; DROP of anything, ALTER … SET SCHEMA.
inline constexpr Effects kTemporary = 1U << 2;
// Takes or gives up a session-level advisory lock (pg_advisory_lock…, not …_xact_…).
inline constexpr Effects kAdvisoryLock = 1U << 3;
// Makes or closes a cursor WITH HOLD: DECLARE … HOLD, CLOSE.
inline constexpr Effects kHeldCursor = 1U << 4;
inline constexpr Effects kListen = 1U << 5;  // LISTEN, UNLISTEN
inline constexpr Effects kNotify = 1U << 6;  // NOTIFY, pg_notify: nothing stays behind
// Makes, uses, shows or forgets statements prepared by SQL: PREPARE, EXECUTE (also behind EXPLAIN
// and CREATE TABLE AS), DEALLOCATE, DISCARD ALL, pg_prepared_statements.
inline constexpr Effects kPrepared = 1U << 7;
inline constexpr Effects kSequence = 1U << 8;      // nextval, setval: currval may be asked later
inline constexpr Effects kSequenceRead = 1U << 9;  // currval, lastval
// What nothing undoes but the end of the connection: LOAD, replication origins, temporary
// replication slots, dblink_connect, set_limit, setseed.
inline constexpr Effects kIrreversible = 1U << 10;
// Runs code that is not known to be harmless: DO, CALL, a function that is not on the list of
// harmless functions.
inline constexpr Effects kUnknownCode = 1U << 11;
// Begins or ends a transaction as one of several statements of a string.
inline constexpr Effects kTransaction = 1U << 12;
// Inserts rows, so that a sequence behind a column may have moved: lastval() may be asked later.
inline constexpr Effects kInsert = 1U << 13;
inline constexpr Effects kAll = (1U << 14) - 1;
}  // namespace effect

struct Statement {
  Command command = Command::kEmpty;  // of the first statement that is not empty
  bool single = true;                 // no other statement follows (empty ones do not count)
  Effects effects = effect::kNone;    // of all statements of the string
  Access access = Access::kRead;      // the strongest of all statements of the string
  AccessReason reason = AccessReason::kNone;
  RouteHint hint = RouteHint::kNone;
  // Where in the text the name stands that the reason is about; no bytes: it is about none.
  std::uint32_t object_at = 0;
  std::uint32_t object_bytes = 0;

  std::string_view object_in(std::string_view sql) const {
    return sql.substr(object_at, object_bytes);
  }
};

// One pass. A text that ends inside a quote or comment, or has a NUL, has effect::kAll. `rules` may
// be null; the administrator's lists decide of the access only, not of the effects.
Statement read_statement(std::string_view sql, const Dialect& dialect,
                         const AccessRules* rules = nullptr);

// --- details, for the few statements that need them; these may allocate -------------------------

// SET or RESET of one parameter in its plain form, as the only statement: SET [SESSION] name TO
// constant, SET TIME ZONE 'constant', SET NAMES 'constant', RESET name, … TO DEFAULT, TIME ZONE
// DEFAULT | LOCAL. Not a plain form: SET LOCAL, a list of values, SET ROLE and SESSION
// AUTHORIZATION, RESET ALL, FROM CURRENT, INTERVAL, and any value of a parameter that holds a list
// of names (search_path, temp_tablespaces, local_preload_libraries, session_preload_libraries).
struct PlainSetting {
  std::string name;                  // lower case; a custom one as "a.b"
  std::optional<std::string> value;  // as set_config takes it; without: back to the default
};
std::optional<PlainSetting> plain_setting(std::string_view sql, const Dialect& dialect);

// SHOW name or SHOW TIME ZONE as the only statement: the parameter's name, in lower case.
std::optional<std::string> shown_setting(std::string_view sql, const Dialect& dialect);

// RESET ROLE, RESET SESSION AUTHORIZATION, the same as SET … NONE or DEFAULT, or DISCARD ALL, as
// the only statement: the session acts as the user again that has logged in.
enum class IdentityReset : std::uint8_t {
  kNone,
  kRole,  // as the user of its session authorization
  kAll,
};
IdentityReset identity_reset(std::string_view sql, const Dialect& dialect);

// Every parameter that the string may change for longer than the transaction, each once; "role" and
// "session_authorization" among them. SET TRANSACTION names none; SET LOCAL names none.
struct TouchedSetting {
  std::string name;             // lower case; empty if a parameter of the query names it
  std::uint16_t parameter = 0;  // n of $n
  bool operator==(const TouchedSetting&) const = default;
};
std::vector<TouchedSetting> touched_settings(std::string_view sql, const Dialect& dialect);

// Custom parameters ("a.b") that a text may set out of sight, in a DO block for instance: what
// stands as a constant of that form, or behind SET, wherever it is. Lower case; a few at most.
std::vector<std::string> hidden_settings(std::string_view sql);

// The text in words that mean the same under any standard_conforming_strings: each constant with a
// backslash as E''. `meant`: how it was to be read. Nothing: it says the same as it is.
std::optional<std::string> with_escape_strings(std::string_view sql, const Dialect& meant);

// What follows BEGIN, START TRANSACTION or SET TRANSACTION. Of what is named twice, the last
// counts.
struct TransactionModes {
  bool modes = false;         // has any
  bool read_only = false;     // READ ONLY
  bool read_write = false;    // READ WRITE; neither: as default_transaction_read_only says
  bool isolation = false;     // any level; without: as default_transaction_isolation says
  bool serializable = false;  // SERIALIZABLE, which a hot standby refuses
};

// BEGIN or START TRANSACTION as the only statement, in a form that PostgreSQL surely accepts
// outside of a transaction.
struct PlainBegin : TransactionModes {
  bool start = false;  // START TRANSACTION: its tag differs
};
std::optional<PlainBegin> plain_begin(std::string_view sql, const Dialect& dialect);

// SET [LOCAL] TRANSACTION with modes as the only statement; not SNAPSHOT.
std::optional<TransactionModes> plain_set_transaction(std::string_view sql, const Dialect& dialect);

// COMMIT, END, ROLLBACK, ABORT as the only statement; not TO SAVEPOINT, not PREPARED.
struct PlainEnd {
  bool commit = false;
  bool chain = false;  // AND CHAIN
};
std::optional<PlainEnd> plain_end(std::string_view sql, const Dialect& dialect);
// The same of the first statement; others may follow.
std::optional<PlainEnd> leading_end(std::string_view sql, const Dialect& dialect);

// The name behind the first INTO of an INSERT, as it is written: with its schema, and its quotes.
// Empty where it does not stand among the first words. Does not allocate.
std::string_view inserted_table(std::string_view sql, const Dialect& dialect);

// CREATE, ALTER or DROP DATABASE stands first: what PostgreSQL refuses, or may, while anybody is
// connected to the database.
bool defines_database(std::string_view sql, const Dialect& dialect);

// What the string's UNLISTEN and DISCARD ALL name.
struct Unlistened {
  bool all = false;
  std::vector<std::string> channels;
};
Unlistened unlistened(std::string_view sql, const Dialect& dialect);

// PREPARE, EXECUTE or DEALLOCATE as the only statement, or EXPLAIN / CREATE TABLE AS … EXECUTE.
struct PreparedCommand {
  enum class Verb : std::uint8_t { kPrepare, kExecute, kDeallocate, kDeallocateAll };
  Verb verb = Verb::kPrepare;
  std::string name;        // folded to lower case unless quoted, cut to 63 bytes as PostgreSQL does
  std::string_view types;  // PREPARE: what stands between the parentheses; empty without
  std::string_view query;  // PREPARE: what follows AS
};
std::optional<PreparedCommand> prepared_command(std::string_view sql, const Dialect& dialect);
// The PREPARE that has given the name, if one in the string has, among whatever other statements.
// Nothing, if there is none, or one could be forgotten and given anew.
std::optional<PreparedCommand> prepare_of(std::string_view name, std::string_view sql,
                                          const Dialect& dialect);
// The names of all statements that the string PREPAREs, EXECUTEs or DEALLOCATEs, each once.
std::vector<std::string> prepared_names(std::string_view sql, const Dialect& dialect);
// What the string's PREPARE, DEALLOCATE and DISCARD ALL may change.
struct NameChanges {
  std::vector<std::string> names;
  bool all = false;

  bool any() const { return all || !names.empty(); }
  bool has(std::string_view name) const {
    return std::find(names.begin(), names.end(), name) != names.end();
  }
};
NameChanges name_changes(std::string_view sql, const Dialect& dialect);

}  // namespace pgsaba::sql
