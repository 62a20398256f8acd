// AdminReply: how a console command ended. Control thread; a value.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "command.h"
#include "pgsaba/wire/error_fields.h"
#include "result_table.h"

namespace pgsaba::admin {

struct AdminReply {
  std::optional<ResultTable> table = std::nullopt;
  std::vector<wire::ErrorFields> notices = {};
  std::optional<wire::ErrorFields> error = std::nullopt;  // then `table` counts for nothing
};

inline AdminReply failed(std::string_view sqlstate, std::string message, std::string hint = {}) {
  AdminReply reply;
  reply.error.emplace();
  reply.error->sqlstate = sqlstate;
  reply.error->message = std::move(message);
  reply.error->hint = std::move(hint);
  return reply;
}

// The reply to what needs nothing but its own text: what drivers send by themselves, SHOW HELP, and
// SHOW FDS, which is refused. Nothing for all others.
std::optional<AdminReply> local_reply(const AdminCommand& command);

// The columns of a command's reply, before it has run; empty if it returns no rows.
std::vector<Column> columns_of(const AdminCommand& command);

}  // namespace pgsaba::admin
