#include <pgsaba/auth/ident_map.h>

#include <algorithm>

namespace pgsaba::auth {
namespace {

IdentLine read_line(const RuleLine& line) {
  IdentLine read;
  read.file = line.file;
  read.line = line.number;
  read.error = line.error;
  if (!read.error.empty()) return read;
  const bool singles =
      std::ranges::all_of(line.fields, [](const RuleField& field) { return field.size() == 1; });
  if (line.fields.size() < 3 || !singles) {
    read.error = "a line is a map, one system name and one database user";
    return read;
  }
  read.map = line.fields[0].front().text;
  read.system_name = line.fields[1].front().text;
  if (read.system_name.starts_with('/')) {
    auto pattern = compile_pattern(std::string_view(read.system_name).substr(1));
    if (!pattern) {
      read.error = pattern.error().message;
      return read;
    }
    read.system_pattern = std::move(*pattern);
  }
  auto user = NamePattern::of_user(line.fields[2].front());
  if (!user) {
    read.error = user.error().message;
    return read;
  }
  read.user = std::move(*user);
  const bool takes_group =
      read.user.kind == NamePattern::Kind::kName && read.user.text.find("\\1") != std::string::npos;
  if (takes_group && read.system_pattern && read.system_pattern->mark_count() == 0)
    read.error = "\"" + read.system_name.substr(1) +
                 R"(" has no group in parentheses for the \1 in ")" + read.user.text + "\"";
  return read;
}

// The whole name in a certificate that one of ours has signed may be long, but not without end.
constexpr std::size_t kMaxSystemNameBytes = 1'000;

bool allows(const IdentLine& line, std::string_view system_name, std::string_view user) {
  if (!line.system_pattern) return line.system_name == system_name && line.user.names(user);
  std::match_results<std::string_view::const_iterator> found;
  if (system_name.size() > kMaxSystemNameBytes ||
      !std::regex_search(system_name.begin(), system_name.end(), found, *line.system_pattern))
    return false;
  const std::size_t group = line.user.text.find("\\1");
  if (line.user.kind != NamePattern::Kind::kName || group == std::string::npos)
    return line.user.names(user);
  return line.user.text.substr(0, group) + found[1].str() + line.user.text.substr(group + 2) ==
         user;
}

}  // namespace

Result<IdentMaps> IdentMaps::load(const std::string& path, const RuleFiles& files) {
  const auto lines = read_rule_lines(path, files);
  if (!lines) return lines.error();
  IdentMaps maps;
  for (const RuleLine& line : *lines) maps.lines_.push_back(read_line(line));
  return maps;
}

std::optional<Error> IdentMaps::first_error() const {
  for (const IdentLine& line : lines_)
    if (!line.error.empty())
      return Error{line.file + ":" + std::to_string(line.line) + ": " + line.error};
  return std::nullopt;
}

bool IdentMaps::allows(std::string_view map, std::string_view system_name,
                       std::string_view user) const {
  if (map.empty()) return system_name == user;
  return std::ranges::any_of(lines_, [&](const IdentLine& line) {
    return line.error.empty() && line.map == map && auth::allows(line, system_name, user);
  });
}

}  // namespace pgsaba::auth
