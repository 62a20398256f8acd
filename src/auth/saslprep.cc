#include "saslprep.h"

#include <stringprep.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string>

namespace pgsaba::auth {

SecretBytes saslprep(const SecretBytes& password) {
  const std::string_view text = password.text();
  const bool ascii =
      std::ranges::all_of(text, [](char c) { return static_cast<signed char>(c) > 0; });
  if (ascii || text.find('\0') != std::string_view::npos) return password;
  std::string terminated(text);
  char* prepared = nullptr;
  const int result =
      ::stringprep_profile(terminated.c_str(), &prepared, "SASLprep", STRINGPREP_NO_UNASSIGNED);
  wipe(terminated.data(), terminated.size());
  if (prepared == nullptr) return password;
  const std::string_view found(prepared);
  SecretBytes ready =
      result == STRINGPREP_OK && !found.empty() ? SecretBytes(found) : SecretBytes(text);
  wipe(prepared, found.size());
  std::free(prepared);  // NOLINT: the library has allocated it
  return ready;
}

}  // namespace pgsaba::auth
