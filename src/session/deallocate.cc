#include "session/deallocate.h"

#include "pgsaba/sql/statement.h"

namespace pgsaba::session {

std::optional<std::string> deallocated_name(std::string_view sql) {
  auto command = sql::prepared_command(sql, {});
  if (!command || command->verb != sql::PreparedCommand::Verb::kDeallocate) return std::nullopt;
  return std::move(command->name);
}

}  // namespace pgsaba::session
