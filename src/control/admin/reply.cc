#include "reply.h"

#include "columns.h"
#include "pgsaba/wire/sqlstate.h"
#include "tables.h"

namespace pgsaba::admin {
namespace {

AdminReply one_value(const AdminCommand& command, std::string_view value) {
  AdminReply reply;
  reply.table = ResultTable{columns_of(command), {{cell(value)}}};
  return reply;
}

AdminReply notice(std::string message, std::string_view detail = {}) {
  wire::ErrorFields fields;
  fields.severity = "NOTICE";
  fields.sqlstate = "00000";
  fields.message = std::move(message);
  fields.detail = detail;
  AdminReply reply;
  reply.notices.push_back(std::move(fields));
  return reply;
}

std::optional<AdminReply> local_show(Subject subject) {
  if (subject == Subject::kHelp) return notice("Console usage", console_usage());
  if (subject == Subject::kFds) {
    return failed(wire::sqlstate::kFeatureNotSupported, "SHOW FDS is not supported",
                  "An online restart hands connections over by itself; SHOW SOCKETS lists them.");
  }
  return std::nullopt;
}

}  // namespace

std::optional<AdminReply> local_reply(const AdminCommand& command) {
  if (const auto* show = std::get_if<Show>(&command)) return local_show(show->subject);
  if (const auto* parameter = std::get_if<ShowParameter>(&command)) {
    return one_value(command, parameter->value);
  }
  if (const auto* constant = std::get_if<SelectConstant>(&command)) {
    return one_value(command, constant->value);
  }
  if (std::holds_alternative<SetParameter>(command)) return notice("SET ignored");
  if (std::holds_alternative<Transaction>(command) || std::holds_alternative<Tidy>(command)) {
    return AdminReply{};
  }
  return std::nullopt;
}

std::vector<Column> columns_of(const AdminCommand& command) {
  if (const auto* show = std::get_if<Show>(&command)) return columns_of(show->subject);
  if (std::holds_alternative<ExplainRoute>(command)) return explain_route_columns();
  if (const auto* parameter = std::get_if<ShowParameter>(&command)) {
    return {{parameter->name, ColumnType::kText}};
  }
  if (std::holds_alternative<SelectConstant>(command)) return {{"?column?", ColumnType::kInt4}};
  return {};
}

}  // namespace pgsaba::admin
