// CatalogName: a name of the database as it is written in SQL: area, app.area, "Area", app."Area".
// Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace pgsaba::config {

// As the catalogue has it: in lower case unless it stood in quotes.
struct CatalogName {
  std::string schema;  // empty: none was given
  std::string name;

  bool operator==(const CatalogName&) const = default;
};

// Nothing for what is no name, is longer than PostgreSQL keeps (63 bytes), or has more than one
// dot.
std::optional<CatalogName> read_catalog_name(std::string_view text);

}  // namespace pgsaba::config
