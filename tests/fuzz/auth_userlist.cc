// Any text is a list of users or an error with a line; the users of a list, written out again with
// their secrets, are the same users with the same secrets.
#include <pgsaba/auth/userlist.h>

#include <cstdlib>
#include <string>

namespace {

using namespace pgsaba::auth;

void require(bool holds) {
  if (!holds) std::abort();
}

// Where the field that opens at `at` closes; npos: nowhere.
std::size_t closing_quote(std::string_view line, std::size_t at) {
  for (++at; at < line.size(); ++at) {
    if (line[at] != '"') continue;
    if (line.substr(at + 1, 1) != "\"") return at;
    ++at;
  }
  return std::string_view::npos;
}

std::string unquoted(std::string_view field) {
  std::string text;
  for (std::size_t at = 0; at < field.size(); ++at) {
    text += field[at];
    if (field[at] == '"') ++at;
  }
  return text;
}

std::string quoted(std::string_view text) {
  std::string field = "\"";
  for (const char byte : text) field.append(byte == '"' ? 2 : 1, byte);
  return field + "\"";
}

// A list has no way to be written; what users it has is looked for in its text.
std::string written_out(std::string_view text, const UserList& users) {
  UserList seen;
  std::string again;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    const std::size_t first = line.find_first_not_of(" \t\r\v\f");
    if (first == std::string_view::npos || line[first] == ';') continue;
    const std::size_t last = closing_quote(line, first);
    require(line[first] == '"' && last != std::string_view::npos);
    const std::string name = unquoted(line.substr(first + 1, last - first - 1));
    const Secret* secret = users.find(name);
    require(secret != nullptr);
    if (seen.find(name) == nullptr)
      again += quoted(name) + " " + quoted(format_secret(*secret)) + "\n";
    seen.set(name, *secret);
  }
  require(seen == users);
  return again;
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): the name libFuzzer calls
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = pgsaba::text_of({data, size});
  const auto secret = parse_secret(text);
  if (secret.ok()) require(format_secret(*secret) == text);
  const auto users = parse_userlist(text, "fuzz");
  if (!users.ok()) {
    require(users.error().message.starts_with("fuzz:"));
    return 0;
  }
  require(users->changed_since(*users).empty());
  const auto again = parse_userlist(written_out(text, *users), "again");
  require(again.ok() && *again == *users);
  require(again->usual_kind() == users->usual_kind());
  return 0;
}
