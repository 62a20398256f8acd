#include "migration/template_text.h"

#include <algorithm>
#include <regex>

namespace pgsaba::migration {
namespace {

// ENV['NAME'], ENV["NAME"] || 'default', ENV.fetch('NAME', "default"), ENV.fetch("NAME") { 5 }
const std::regex& environment_pattern() {
  static const std::regex kPattern(
      R"re(\s*ENV(?:\[|\.fetch\()\s*['"](\w+)['"]\s*(?:,\s*['"]?([^'")]*)['"]?\s*)?[\])]\s*)re"
      R"re((?:\|\|\s*['"]?([^'"]*?)['"]?|\{\s*['"]?([^'"}]*?)['"]?\s*\})?\s*)re");
  return kPattern;
}

// std::regex takes stack for every character.
constexpr std::size_t kLongestCode = 1'000;

std::string replacement(const std::string& code, int line, TemplateText& result) {
  std::smatch found;
  if (code.size() > kLongestCode || !std::regex_match(code, found, environment_pattern())) {
    result.unknown.emplace_back(line, "<%=" + code + "%>: only Ruby knows what this is");
    return "RUBY";
  }
  const std::string name = found[1].str();
  std::string otherwise;
  for (std::size_t group = 2; group <= 4; ++group)
    if (found[group].matched && !found[group].str().empty()) otherwise = found[group].str();
  if (!otherwise.empty())
    result.defaults.emplace_back(line, name + " was '" + otherwise + "' where it is not set");
  return "${" + name + "}";
}

}  // namespace

TemplateText without_ruby(std::string_view text) {
  TemplateText result;
  int line = 1;
  while (!text.empty()) {
    const std::size_t begin = std::min(text.find("<%"), text.size());
    result.text += text.substr(0, begin);
    line += static_cast<int>(std::ranges::count(text.substr(0, begin), '\n'));
    text.remove_prefix(begin);
    if (text.empty()) break;
    const std::size_t end = std::min(text.find("%>"), text.size());
    const bool value = text.starts_with("<%=");
    std::string code(text.substr(value ? 3 : 2, end - std::min<std::size_t>(end, value ? 3 : 2)));
    if (value) {
      result.text += replacement(code, line, result);
    } else if (!code.starts_with("#")) {
      result.unknown.emplace_back(line, "<%" + code + "%>: Ruby decides about what follows");
    }
    const auto lines = std::ranges::count(code, '\n');
    result.text += std::string(static_cast<std::size_t>(lines), '\n');
    line += static_cast<int>(lines);
    text.remove_prefix(std::min(end + 2, text.size()));
  }
  return result;
}

}  // namespace pgsaba::migration
