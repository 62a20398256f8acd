#include "control/top/console_link.h"

#include <array>
#include <utility>

#include "control/admin/picture.h"

namespace pgsaba::control::top {
namespace {

using ResultPointer = std::unique_ptr<PGresult, decltype(&::PQclear)>;

Error libpq_error(std::string message) {
  while (!message.empty() && message.back() == '\n') message.pop_back();
  return Error{std::move(message)};
}

Table table_of(const PGresult* result) {
  std::vector<std::string> columns;
  for (int column = 0; column < ::PQnfields(result); ++column)
    columns.emplace_back(::PQfname(result, column));
  std::vector<std::vector<std::string>> rows;
  for (int row = 0; row < ::PQntuples(result); ++row) {
    std::vector<std::string>& cells = rows.emplace_back();
    for (int column = 0; column < ::PQnfields(result); ++column)
      cells.emplace_back(::PQgetvalue(result, row, column));
  }
  return {std::move(columns), std::move(rows)};
}

}  // namespace

Status ConsoleLink::connect() {
  const std::array<const char*, 7> keywords{
      "host", "port", "user", "dbname", "application_name", "connect_timeout", nullptr};
  const std::array<const char*, 7> values{address_.host.c_str(),
                                          address_.port.c_str(),
                                          address_.user.c_str(),
                                          admin::kConsoleDatabase.data(),
                                          "pgsaba top",
                                          "5",
                                          nullptr};
  link_.reset(::PQconnectdbParams(keywords.data(), values.data(), 0));
  if (::PQstatus(link_.get()) == CONNECTION_OK) return done();
  Error error = libpq_error(::PQerrorMessage(link_.get()));
  link_.reset();
  return error;
}

Result<Table> ConsoleLink::table(const std::string& command) {
  const ResultPointer result(::PQexec(link_.get(), command.c_str()), ::PQclear);
  if (::PQresultStatus(result.get()) == PGRES_TUPLES_OK) return table_of(result.get());
  return libpq_error(::PQerrorMessage(link_.get()));
}

Result<Figures> ConsoleLink::figures() {
  Figures figures;
  figures.where =
      address_.host.starts_with('/') ? address_.host : address_.host + ":" + address_.port;
  figures.at = monotonic_now();
  figures.wall_time = wall_clock_now();
  Table version;
  const std::array<std::pair<const char*, Table*>, 5> questions = {
      {{"SHOW VERSION", &version},
       {"SHOW TOPOLOGY", &figures.topology},
       {"SHOW POOLS", &figures.pools},
       {"SHOW STATS_TOTALS", &figures.totals},
       {"SHOW ROUTES", &figures.routes}}};
  for (const auto& [command, answer] : questions) {
    auto told = table(command);
    if (!told) return told.error();
    *answer = std::move(*told);
  }
  if (version.size() > 0) figures.version = version.text(0, "version");
  // Naming all clients costs the workers something.
  if (figures.pools.sum("cl_waiting") == 0) return figures;
  auto waits = table("SHOW WAITS");
  if (!waits) return waits.error();
  figures.waits = std::move(*waits);
  return figures;
}

Result<Figures> ConsoleLink::ask() {
  if (link_ == nullptr)
    if (auto connected = connect(); !connected) return connected.error();
  auto told = figures();
  if (!told) link_.reset();
  return told;
}

}  // namespace pgsaba::control::top
