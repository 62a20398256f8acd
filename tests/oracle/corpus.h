// The texts that are shown to both readers.
#pragma once

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "unit/sql/access.h"
#include "unit/sql/statements.h"

namespace pgsaba::oracle {

// Texts of statements.sql are parted by an empty line.
inline std::vector<std::string> corpus() {
  std::vector<std::string> texts;
  for (const sql::Row& row : sql::kStatements) texts.emplace_back(row.sql);
  for (const sql::AccessRow& row : sql::kAccesses) texts.emplace_back(row.sql);
  std::ifstream file(PGSABA_STATEMENTS);
  std::stringstream all;
  all << file.rdbuf();
  const std::string content = all.str();
  for (std::size_t at = 0; at < content.size();) {
    const std::size_t end = std::min(content.find("\n\n", at), content.size());
    texts.push_back(content.substr(at, end - at));
    at = end + 2;
  }
  return texts;
}

}  // namespace pgsaba::oracle
