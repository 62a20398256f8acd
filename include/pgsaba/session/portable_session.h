// PortableSession: a client's session at rest as a value, so that another process can go on with
// it, and the bytes that it travels in. What belongs to a transaction or to a server is not part of
// it: a session that has any of that does not travel.
//
// The bytes begin with the number of their format. A process takes the one it knows and no other:
// a session that it cannot read stays where it is. Any thread; values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pgsaba/base/clock.h"
#include "pgsaba/base/result.h"
#include "pgsaba/config/config.h"
#include "pgsaba/server/settings.h"
#include "pgsaba/sql/dialect.h"
#include "pgsaba/wire/cancel_key.h"

namespace pgsaba::session {

// Nobody's own.
inline constexpr std::string_view kMoveChannel = "_pgsaba_move";

struct PortableSession {
  // Whenever what follows, or its meaning, changes.
  static constexpr std::uint64_t kFormat = 2;
  // One that is larger stays where it is.
  static constexpr std::size_t kMostBytes = 16U << 20U;

  // The client's name, and what follows the name in a Parse.
  using Statement = std::pair<std::string, std::string>;

  std::string database;
  std::string user;
  wire::CancelKey key;  // which the client was told when it logged in
  sql::Dialect dialect;
  server::Settings settings;
  server::Settings login_settings;
  std::vector<Statement> statements;        // prepared by protocol
  std::vector<Statement> sql_statements;    // prepared by SQL
  std::optional<std::string> unnamed = {};  // what follows the (empty) name in its Parse
  std::vector<std::string> channels;        // that it listens to; sorted
  // Notified on kMoveChannel, where it listens: up to here the one process tells it what it hears,
  // from here on the other one.
  std::string mark;
  std::optional<std::string> begin_sql = {};  // a BEGIN that was answered and not yet sent
  config::PoolMode mode = config::PoolMode::kTransaction;  // in which it was served last
  bool reads_sequences = false;
  bool others_read_sequences = false;  // in its pool, lately
  bool foresees = false;
  Micros connected_at = 0;  // by the clock of the machine
  Micros idle_since = 0;
  Micros transaction_at = 0;  // of the BEGIN; 0: there is none

  bool operator==(const PortableSession& other) const;
};

std::string pack(const PortableSession& session);
// Not what it was, if the bytes were not made by `pack`; but never more than they hold.
Result<PortableSession> unpack(std::string_view bytes);

}  // namespace pgsaba::session
