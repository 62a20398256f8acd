// One statement over a connection of its own to a server on 127.0.0.1, through libpq, blocking. For
// the demo and its set-up; the daemon itself uses ServerProbe.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pgsaba/base/result.h"

namespace pgsaba::control {

struct LoopbackTarget {
  std::uint16_t port = 0;
  std::string user;
  std::string password;
  std::string database;
};

struct Table {
  std::vector<std::string> columns;
  std::vector<std::vector<std::string>> rows;  // NULL is empty
};

// The last result of `sql`; an empty table for a command. Gives up connecting after 5 seconds.
Result<Table> query_loopback(const LoopbackTarget& target, const std::string& sql);

}  // namespace pgsaba::control
