// AdminCommand: what a console statement asks for. Any thread; values.
// Errors are syntax errors (SQLSTATE 42601), with the nearest right command as their hint.
// Commands and their spelling are PgBouncer's; of SQL only what drivers send by themselves.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "pgsaba/base/result.h"
#include "subject.h"

namespace pgsaba::admin {

struct Show {
  Subject subject = Subject::kHelp;
};

enum class DatabaseVerb : std::uint8_t {
  kPause,
  kResume,
  kReconnect,
  kKill,
  kWaitClose,
  kDisable,
  kEnable,
};
struct OnDatabase {
  DatabaseVerb verb = DatabaseVerb::kPause;
  std::string database;  // empty: every one; never for kDisable and kEnable
};

enum class ProcessVerb : std::uint8_t {
  kReload,
  kUpgrade,
  kSuspend,
  kShutdown,  // at once
  kShutdownWaitForServers,
  kShutdownWaitForClients,
};
struct OnProcess {
  ProcessVerb verb = ProcessVerb::kReload;
};

enum class ServerVerb : std::uint8_t { kDisable, kEnable, kSwitchover };
struct OnServer {
  ServerVerb verb = ServerVerb::kDisable;
  std::string server;
  std::string cluster;  // empty: whichever has a server of that name
};

struct KillClient {
  std::uint64_t id = 0;
};

// Where a statement would run.
struct ExplainRoute {
  std::string database;  // empty: every configured one
  std::string sql;
};

// One of our own settings.
struct SetSetting {
  std::string key;
  std::string value;
};

// From here on: what drivers send by themselves, and what changes nothing.
struct ShowParameter {
  std::string_view name;  // of static storage
  std::string_view value;
};
struct SetParameter {};
struct SelectConstant {
  std::string value;  // a whole number
};
enum class TransactionVerb : std::uint8_t { kBegin, kCommit, kRollback };
struct Transaction {
  TransactionVerb verb = TransactionVerb::kBegin;
};
// RESET ALL, DISCARD ALL and the like: the console has no such state.
struct Tidy {
  std::string tag;
};

using AdminCommand =
    std::variant<Show, ExplainRoute, OnDatabase, OnServer, OnProcess, KillClient, SetSetting,
                 ShowParameter, SetParameter, SelectConstant, Transaction, Tidy>;

// The commands of a string, in order; none for an empty one. One bad command spoils them all, so
// that nothing of a mistyped string has happened.
Result<std::vector<AdminCommand>> parse_commands(std::string_view text);

// What CommandComplete says: the command's word, as PgBouncer does, without a count of rows.
std::string tag_of(const AdminCommand& command);

// Whether a user of `stats_users` may give it: whatever changes nothing.
bool is_harmless(const AdminCommand& command);

}  // namespace pgsaba::admin
