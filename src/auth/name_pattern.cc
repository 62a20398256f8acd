#include <pgsaba/auth/name_pattern.h>

namespace pgsaba::auth {
namespace {

// Written "/expression", also within quotes.
Result<NamePattern> name_or_pattern(const RuleToken& token) {
  if (!token.text.starts_with('/')) return NamePattern{NamePattern::Kind::kName, token.text};
  auto pattern = compile_pattern(std::string_view(token.text).substr(1));
  if (!pattern) return pattern.error();
  return NamePattern{NamePattern::Kind::kPattern, token.text, std::move(*pattern)};
}

}  // namespace

Result<Pattern> compile_pattern(std::string_view expression) {
  auto how = std::regex::ECMAScript;
#ifdef __GLIBCXX__  // a word of this library's alone: time that grows with the name, no faster
  how |= std::regex_constants::__polynomial;
#endif
  try {
    return Pattern(std::make_shared<const std::regex>(expression.begin(), expression.end(), how));
  } catch (const std::regex_error& error) {
    return Error{"invalid regular expression \"" + std::string(expression) + "\": " + error.what()};
  }
}

bool found_in(const Pattern& pattern, std::string_view name) {
  return name.size() <= kMaxMatchedBytes && std::regex_search(name.begin(), name.end(), *pattern);
}

Result<NamePattern> NamePattern::of_database(const RuleToken& token) {
  if (token.is("all")) return NamePattern{Kind::kAll, token.text};
  if (token.is("sameuser")) return NamePattern{Kind::kSameUser, token.text};
  if (token.is("replication")) return NamePattern{Kind::kReplication, token.text};
  if (token.is("samerole") || token.is("samegroup"))
    return Error{
        "\"" + token.text + "\" is not supported: who is a member of a role only the server knows",
        "List the databases, or name a file that lists them: @file."};
  return name_or_pattern(token);
}

Result<NamePattern> NamePattern::of_user(const RuleToken& token) {
  if (token.is("all")) return NamePattern{Kind::kAll, token.text};
  if (!token.quoted && token.text.starts_with('+'))
    return Error{
        "\"" + token.text + "\" is not supported: who is a member of a role only the server knows",
        "List the users, or name a file that lists them: @file."};
  return name_or_pattern(token);
}

bool NamePattern::names(std::string_view name) const {
  switch (kind) {
    case Kind::kAll:
      return true;
    case Kind::kName:
      return text == name;
    case Kind::kPattern:
      return found_in(pattern, name);
    default:
      return false;
  }
}

}  // namespace pgsaba::auth
