#include "pgsaba/sql/statement.h"

#include "sql/statement_reader.h"

namespace pgsaba::sql {

Statement read_statement(std::string_view sql, const Dialect& dialect, const AccessRules* rules) {
  return StatementReader(sql, dialect, nullptr, rules).read();
}

std::vector<TouchedSetting> touched_settings(std::string_view sql, const Dialect& dialect) {
  NamesFound found;
  StatementReader(sql, dialect, &found, nullptr).read();
  return std::move(found.settings);
}

std::vector<std::string> prepared_names(std::string_view sql, const Dialect& dialect) {
  NamesFound found;
  StatementReader(sql, dialect, &found, nullptr).read();
  return std::move(found.prepared);
}

}  // namespace pgsaba::sql
