// Any text is a list of users or an error with a line; and users written as a list, the lines of
// the text being names and secrets in turn, are read as the same users with the same secrets.
#include <pgsaba/auth/userlist.h>

#include <cstdlib>
#include <string>

namespace {

using namespace pgsaba::auth;

void require(bool holds) {
  if (!holds) std::abort();
}

std::string quoted(std::string_view text) {
  std::string field = "\"";
  for (const char byte : text) field.append(byte == '"' ? 2 : 1, byte);
  return field + "\"";
}

std::string_view take_line(std::string_view& text) {
  const std::string_view line = text.substr(0, text.find('\n'));
  text.remove_prefix(std::min(line.size() + 1, text.size()));
  return line;
}

bool can_be_written(std::string_view field, std::size_t limit) {
  return field.size() <= limit && field.find('\0') == std::string_view::npos;
}

void write_and_read(std::string_view text) {
  UserList users;
  std::string list;
  while (!text.empty()) {
    const std::string_view name = take_line(text);
    const std::string_view password = take_line(text);
    const auto secret = parse_secret(password);
    if (name.empty() || !can_be_written(name, kMaxUserNameBytes) || !secret.ok() ||
        !can_be_written(password, kMaxPasswordBytes))
      continue;
    list += quoted(name) + " " + quoted(format_secret(*secret)) + "\n";
    users.set(std::string(name), *secret);
  }
  const auto again = parse_userlist(list, "written");
  require(again.ok() && *again == users && again->changed_since(users).empty());
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): the name libFuzzer calls
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = pgsaba::text_of({data, size});
  write_and_read(text);
  const auto secret = parse_secret(text);
  if (secret.ok()) require(format_secret(*secret) == text);
  const auto users = parse_userlist(text, "fuzz");
  if (!users.ok()) {
    require(users.error().message.starts_with("fuzz:"));
    return 0;
  }
  require(users->changed_since(*users).empty());
  return 0;
}
