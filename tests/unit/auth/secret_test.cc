#include <doctest/doctest.h>
#include <pgsaba/auth/base64.h>
#include <pgsaba/auth/secret.h>

#include <string>

using namespace pgsaba;
using namespace pgsaba::auth;

namespace {

// Of the password "pencil", made with an independent implementation.
constexpr std::string_view kPencil =
    "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:"
    "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";

}  // namespace

TEST_CASE("secret: the stored forms are told apart and written back unchanged") {
  const struct {
    std::string text;
    std::size_t form;
  } rows[] = {
      {"", 0},
      {"secret", 1},
      {"md5", 1},
      {"md54a0a68b43b6cd5cf266fa02f196e237", 1},    // 31 digits
      {"md54a0a68b43b6cd5cf266fa02f196e23711", 1},  // 33
      {"md54A0A68B43B6CD5CF266FA02F196E2371", 1},   // PostgreSQL: lower case only
      {"SCRAM-SHA-256", 1},
      {"md54a0a68b43b6cd5cf266fa02f196e2371", 2},
      {std::string(kPencil), 3},
  };
  for (const auto& row : rows) {
    CAPTURE(row.text);
    const auto secret = parse_secret(row.text);
    REQUIRE(secret.ok());
    CHECK(secret->index() == row.form);
    CHECK(format_secret(*secret) == row.text);
  }
}

TEST_CASE("secret: every truncation of a SCRAM secret is an error, none is taken for a password") {
  constexpr std::size_t kPrefix = std::string_view("SCRAM-SHA-256$").size();
  for (std::size_t size = kPrefix; size < kPencil.size(); ++size) {
    CAPTURE(size);
    CHECK_FALSE(parse_secret(kPencil.substr(0, size)).ok());
  }
  for (const char* text :
       {"SCRAM-SHA-256$0:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:"
        "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=",
        "SCRAM-SHA-256$-1:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:"
        "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=",
        "SCRAM-SHA-256$4096:$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:"
        "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=",
        "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$AAAA:AAAA"}) {
    CHECK_FALSE(parse_secret(text).ok());
  }
  CHECK_FALSE(parse_secret(std::string(kPencil) + "x").ok());
}

TEST_CASE("secret: a derived verifier equals what others derive, UTF-8 included") {
  const auto salt = decode_base64("W22ZaJ0SNY7soEsUEjb6gQ==");
  REQUIRE(salt.has_value());
  const auto derive = [&](std::string_view password) {
    return format_secret(derive_verifier(password, *salt, 4096));
  };
  CHECK(derive("pencil") == kPencil);
  CHECK(derive("") ==
        "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$"
        "AJ6h8dbzJdqPups1RHMsUwUwWmoe55vzkmldCT32rlY=:"
        "PaPyzvmMvez2KHVzr2IQl1SyC/VgZCEXKozJyWErWOE=");
  CHECK(derive("p\xc3\xa4ss") ==
        "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$"
        "MdmvwisfVtePdOXxokUV648HN51d5Teo37tnDZHruZ8=:"
        "Tv9ycHjjpwqwKX/ODd+JLaWRyENfddug6jdzwqiZpHg=");
}
