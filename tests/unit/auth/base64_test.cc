#include <doctest/doctest.h>
#include <pgsaba/auth/base64.h>

using namespace pgsaba;
using namespace pgsaba::auth;

TEST_CASE("base64: RFC 4648 section 10, both ways") {
  const struct {
    const char* bytes;
    const char* text;
  } rows[] = {{"", ""},
              {"f", "Zg=="},
              {"fo", "Zm8="},
              {"foo", "Zm9v"},
              {"foob", "Zm9vYg=="},
              {"fooba", "Zm9vYmE="},
              {"foobar", "Zm9vYmFy"}};
  for (const auto& row : rows) {
    CHECK(encode_base64(bytes_of(row.bytes)) == row.text);
    CHECK(decode_base64(row.text) == std::string(row.bytes));
  }
  CHECK(encode_base64(bytes_of("\xfb\xff\xbf")) == "+/+/");
}

TEST_CASE("base64: everything but the canonical form is refused") {
  for (const char* text : {"Z", "Zg", "Zg=", "Zg===", "====", "=", "Zh==", "Zm9=", "Zm 8", "Zm8=\n",
                           "Z=8=", "Zg==Zg==", "Zm8-", "Zm8_", "\xc3\xa4zz"}) {
    CAPTURE(text);
    CHECK_FALSE(decode_base64(text).has_value());
  }
}
