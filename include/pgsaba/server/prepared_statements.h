// Prepared statements, shared by text: clients call them as they like ("a1" means something else in
// every client), servers know them by a name of ours. One value per text and parameter types, made
// by the PreparedTable. Any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

namespace pgsaba::server {

inline constexpr std::string_view kStatementPrefix = "_pgsaba_";

struct PreparedStatement {
  PreparedStatement(std::uint32_t the_id, std::string the_rest)
      : id(the_id), rest(std::move(the_rest)) {}

  const std::uint32_t id;  // never 0
  const std::string rest;  // what follows the name in Parse: query text and parameter types
  // Raised when a server finds that what it has planned does not fit its tables any more: servers
  // that learned an older edition have to parse the text again.
  mutable std::atomic<std::uint32_t> edition{1};
  // What running it may leave in a session; bits of whoever parses it.
  mutable std::atomic<std::uint32_t> effects{0};
  // How many names clients have for it.
  mutable std::atomic<std::uint32_t> names{0};
  // Where it may run: the strongest sql::Access that anybody who parsed it has found.
  mutable std::atomic<std::uint8_t> access{0};
  // The hint in its text; a sql::RouteHint.
  mutable std::atomic<std::uint8_t> hint{0};
  // By which rules and in which dialect it was read last; 0: not yet.
  mutable std::atomic<std::uint64_t> judged_by{0};

  std::string_view query() const { return {rest.data()}; }
};
using PreparedRef = std::shared_ptr<const PreparedStatement>;

// The name that servers know a statement by.
std::string server_statement_name(std::uint32_t id);

// What a client calls by name in SQL: PREPARE, EXECUTE, DEALLOCATE.
using StatementsByName = std::map<std::string, PreparedRef, std::less<>>;

}  // namespace pgsaba::server
