// The statements of an SQL script that was written for psql.
#pragma once

#include <pg_query.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace pgsaba::oracle {

inline bool begins_copy_data(std::string line) {
  std::ranges::transform(line, line.begin(), [](unsigned char c) { return std::tolower(c); });
  return line.starts_with("copy ") && line.find("from stdin") != std::string::npos;
}

// Without the lines that psql takes for itself, and without the data of COPY.
inline std::string text_of_script(const std::filesystem::path& file) {
  std::ifstream in(file);
  std::string text;
  bool data = false;
  for (std::string line; std::getline(in, line);) {
    if (data) {
      data = line != "\\.";
    } else if (!line.starts_with('\\')) {
      text += line + "\n";
      data = begins_copy_data(line);
    }
  }
  return text;
}

// Nothing if the script cannot be read by PostgreSQL's scanner.
inline std::vector<std::string> statements_of(const std::string& script) {
  const PgQuerySplitResult result = pg_query_split_with_scanner(script.c_str());
  std::vector<std::string> statements;
  for (int i = 0; result.error == nullptr && i < result.n_stmts; ++i)
    statements.push_back(script.substr(static_cast<std::size_t>(result.stmts[i]->stmt_location),
                                       static_cast<std::size_t>(result.stmts[i]->stmt_len)));
  pg_query_free_split_result(result);
  return statements;
}

}  // namespace pgsaba::oracle
