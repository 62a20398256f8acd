#include "session/startup_options.h"

#include <algorithm>
#include <cctype>
#include <vector>

namespace pgsaba::session {
namespace {

std::vector<std::string> split(std::string_view options) {
  std::vector<std::string> words;
  bool inside = false;
  for (std::size_t i = 0; i < options.size(); ++i) {
    if (std::isspace(static_cast<unsigned char>(options[i])) != 0) {
      inside = false;
      continue;
    }
    if (!inside) words.emplace_back();
    inside = true;
    if (options[i] == '\\' && i + 1 < options.size()) ++i;
    words.back().push_back(options[i]);
  }
  return words;
}

}  // namespace

std::optional<std::string> read_startup_options(std::string_view options,
                                                server::Settings& settings) {
  const std::vector<std::string> words = split(options);
  for (std::size_t i = 0; i < words.size(); ++i) {
    std::string_view assignment = words[i];
    if (assignment == "-c" && i + 1 < words.size()) {
      assignment = words[++i];
    } else if (assignment.starts_with("-c") || assignment.starts_with("--")) {
      assignment.remove_prefix(2);
    } else {
      return words[i];
    }
    const std::size_t equals = assignment.find('=');
    if (equals == std::string_view::npos || equals == 0) return words[i];
    std::string name = server::lower_case(assignment.substr(0, equals));
    std::ranges::replace(name, '-', '_');
    settings.push_back({std::move(name), std::string(assignment.substr(equals + 1))});
  }
  return std::nullopt;
}

}  // namespace pgsaba::session
