// Any text is a list of users or an error with a line; a list written out again is the same list.
#include <pgsaba/auth/userlist.h>

#include <cstdlib>

// NOLINTNEXTLINE(readability-identifier-naming): the name libFuzzer calls
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pgsaba::auth;
  const auto users = parse_userlist(pgsaba::text_of({data, size}), "fuzz");
  if (!users.ok()) {
    if (!users.error().message.starts_with("fuzz:")) std::abort();
    return 0;
  }
  if (!users->changed_since(*users).empty()) std::abort();
  const auto secret = parse_secret(pgsaba::text_of({data, size}));
  if (secret.ok() && format_secret(*secret) != pgsaba::text_of({data, size})) std::abort();
  return 0;
}
