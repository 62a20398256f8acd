#include "expansion.h"

namespace pgsaba::config {

Result<std::string> expand(std::string_view text, const Environment& environment) {
  std::string expanded;
  for (;;) {
    const std::size_t dollar = text.find("${");
    if (dollar == std::string_view::npos) return expanded.append(text);
    if (dollar > 0 && text[dollar - 1] == '$') {
      expanded.append(text.substr(0, dollar - 1)).append("${");
      text.remove_prefix(dollar + 2);
      continue;
    }
    expanded.append(text.substr(0, dollar));
    text.remove_prefix(dollar + 2);
    const std::size_t end = text.find('}');
    if (end == std::string_view::npos) {
      return Error{"'${' has no '}'", "a literal '${' is written '$${'"};
    }
    const std::string name(text.substr(0, end));
    const auto value = environment.variable(name);
    if (!value) return Error{"the environment variable '" + name + "' is not set"};
    expanded.append(*value);
    text.remove_prefix(end + 1);
  }
}

}  // namespace pgsaba::config
