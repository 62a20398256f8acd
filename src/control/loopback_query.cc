#include "loopback_query.h"

#include <libpq-fe.h>

#include <array>
#include <memory>

namespace pgsaba::control {
namespace {

using LinkPointer = std::unique_ptr<PGconn, decltype(&::PQfinish)>;
using ResultPointer = std::unique_ptr<PGresult, decltype(&::PQclear)>;

LinkPointer connected(const LoopbackTarget& target) {
  const std::string port = std::to_string(target.port);
  const std::array<const char*, 10> keywords{"hostaddr",        "port",    "user",       "password",
                                             "dbname",          "sslmode", "gssencmode", "options",
                                             "connect_timeout", nullptr};
  const std::array<const char*, 10> values{"127.0.0.1",
                                           port.c_str(),
                                           target.user.c_str(),
                                           target.password.c_str(),
                                           target.database.c_str(),
                                           "disable",
                                           "disable",
                                           "",
                                           "5",
                                           nullptr};
  return {::PQconnectdbParams(keywords.data(), values.data(), 0), ::PQfinish};
}

Error libpq_error(std::string message) {
  while (!message.empty() && message.back() == '\n') message.pop_back();
  return Error{std::move(message)};
}

Table table_of(const PGresult* result) {
  Table table;
  const int columns = ::PQnfields(result);
  for (int column = 0; column < columns; ++column) {
    table.columns.emplace_back(::PQfname(result, column));
  }
  for (int row = 0; row < ::PQntuples(result); ++row) {
    std::vector<std::string>& cells = table.rows.emplace_back();
    for (int column = 0; column < columns; ++column) {
      cells.emplace_back(::PQgetvalue(result, row, column));
    }
  }
  return table;
}

}  // namespace

Result<Table> query_loopback(const LoopbackTarget& target, const std::string& sql) {
  const LinkPointer link = connected(target);
  if (::PQstatus(link.get()) != CONNECTION_OK) return libpq_error(::PQerrorMessage(link.get()));
  ::PQsetNoticeProcessor(
      link.get(), [](void*, const char*) {}, nullptr);
  const ResultPointer result(::PQexec(link.get(), sql.c_str()), ::PQclear);
  const ExecStatusType status = ::PQresultStatus(result.get());
  if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
    return libpq_error(::PQerrorMessage(link.get()));
  }
  return table_of(result.get());
}

}  // namespace pgsaba::control
