#include "table_rows.h"

namespace pgsaba::admin {

Rows hba_rows(const ConsolePicture& picture) {
  Rows rows;
  const auto text = [](const std::string& value) { return value.empty() ? Cell{} : cell(value); };
  for (const HbaInfo& rule : picture.hba) {
    rows.push_back({cell(rule.file), cell(rule.line), text(rule.type), text(rule.databases),
                    text(rule.users), text(rule.address), text(rule.method), text(rule.options),
                    text(rule.error)});
  }
  return rows;
}

}  // namespace pgsaba::admin
