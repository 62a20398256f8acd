// Why a login failed, and the Authentication messages' codes and contents both directions share.
// Any thread; value types. SQLSTATEs as PostgreSQL's libpq/auth.c and auth-scram.c choose them:
// 28P01 wrong password, 28000 not allowed in this way, 08P01 malformed message.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace pgsaba::auth {

struct LoginError {
  std::string_view sqlstate;  // a literal
  std::string message;
  std::string detail = {};      // may be shown to the peer
  std::string log_detail = {};  // for our log only: may tell which users exist
};

// The int32 that opens an Authentication message (tag 'R').
enum class AuthenticationCode : std::int32_t {
  kOk = 0,
  kKerberosV5 = 2,
  kCleartextPassword = 3,
  kMd5Password = 5,
  kGss = 7,
  kGssContinue = 8,
  kSspi = 9,
  kSasl = 10,
  kSaslContinue = 11,
  kSaslFinal = 12,
};

// What follows the tag, the length and the code is `payload`.
struct AuthenticationMessage {
  AuthenticationCode code = AuthenticationCode::kOk;
  std::string payload;
};

}  // namespace pgsaba::auth
