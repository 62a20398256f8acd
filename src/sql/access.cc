#include "pgsaba/sql/access.h"

#include <array>

namespace pgsaba::sql {
namespace {

// In the order of the enumerators.
constexpr std::array<std::string_view, 5> kAccesses = {"read", "primary read", "unknown code",
                                                       "unknown", "write"};
constexpr std::array<std::string_view, kAccessReasons> kReasons = {
    "",
    "statement that is no query",
    "transaction command",
    "session command",
    "EXECUTE",
    "cursor",
    "COPY from or to a file or program, or into a table",
    "SHOW of what is not a parameter of the session",
    "locking clause",
    "SELECT INTO",
    "data-modifying part",
    "function that writes",
    "advisory lock",
    "function that commands the server",
    "function that tells of the server",
    "function that depends on the session",
    "function that runs SQL from a string",
    "unknown function",
    "function denied by routing.deny_functions",
    "relation that tells of the server",
    "relation denied by routing.deny_relations",
    "object of the database's own",
    "temporary object",
    "text that cannot be read to its end",
};
constexpr std::array<std::string_view, 3> kHints = {"", "primary", "replica"};

}  // namespace

std::string_view text_of(Access access) { return kAccesses.at(static_cast<std::size_t>(access)); }

std::string_view text_of(AccessReason reason) {
  return kReasons.at(static_cast<std::size_t>(reason));
}

std::string_view text_of(RouteHint hint) { return kHints.at(static_cast<std::size_t>(hint)); }

}  // namespace pgsaba::sql
