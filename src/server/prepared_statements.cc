#include "pgsaba/server/prepared_statements.h"

namespace pgsaba::server {

std::string server_statement_name(std::uint32_t id) {
  return std::string(kStatementPrefix) + std::to_string(id);
}

}  // namespace pgsaba::server
