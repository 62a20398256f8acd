// Ruby in a database.yml: values of the environment become ${NAME}; what only Ruby can tell is
// named. Pure.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pgsaba::migration {

struct TemplateText {
  std::string text;  // YAML
  // By line: what only Ruby could tell; and what a variable's default was.
  std::vector<std::pair<int, std::string>> unknown;
  std::vector<std::pair<int, std::string>> defaults;
};

// Lines stay lines, so that places in the result are places in the file.
TemplateText without_ruby(std::string_view text);

}  // namespace pgsaba::migration
