// What the text of a query is, and where it may run.
#include <memory>

#include "part.h"
#include "pgsaba/sql/statement.h"
#include "texts.h"

namespace bench {
namespace {

Part reading(std::string name, std::string_view sql) {
  return part(std::move(name), [text = std::string(sql)] {
    keep(text);
    keep(pgsaba::sql::read_statement(text, {}));
  });
}

}  // namespace

void add_statements(Parts& parts) {
  parts.push_back(reading("sql/select-1", text::kSelectOne));
  parts.push_back(reading("sql/select-200", text::kSelect));
  parts.push_back(reading("sql/insert", text::kInsert));
  parts.push_back(reading("sql/comment", text::kCommented));
}

}  // namespace bench
