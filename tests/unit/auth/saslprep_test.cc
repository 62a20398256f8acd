#include "auth/saslprep.h"

#include <doctest/doctest.h>

#include <string>

using namespace pgsaba::auth;

namespace {

std::string prepared(std::string_view text) {
  return std::string(saslprep(SecretBytes(text)).text());
}

}  // namespace

TEST_CASE("saslprep: what becomes of a password") {
  const struct {
    const char* password;
    const char* becomes;
  } rows[] = {
      {"plain", "plain"},
      {"", ""},
      {"bell\x07", "bell\x07"},  // all ASCII stays, whatever RFC 4013 says
      {"I\u00adX", "IX"},        // the RFC's own examples
      {"\u00aa", "a"},
      {"\u2168", "IX"},
      {"pa\u0308ss", "p\u00e4ss"},  // a letter that is composed
      {"no\u00a0break", "no break"},
      {"\ufb01x", "fix"},
      {"\uff21\uff22", "AB"},
      {"x\x07\u00e4", "x\x07\u00e4"},      // prohibited: as it is
      {"\u06271", "\u06271"},              // mixed directions
      {"\u0221x\u00aa", "\u0221x\u00aa"},  // unknown to Unicode 3.2
      {"\u00ad", "\u00ad"},                // nothing would be left
      {"\xff\u00aa", "\xff\u00aa"},        // no UTF-8
  };
  for (const auto& row : rows) {
    CAPTURE(row.password);
    CHECK(prepared(row.password) == row.becomes);
  }
  const std::string_view with_nul("\u00aa\0x", 4);
  CHECK(prepared(with_nul) == with_nul);
}
