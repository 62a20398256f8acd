#include <doctest/doctest.h>

#include "pgsaba/session/client_session.h"

using namespace pgsaba::session;

TEST_CASE("why a login came to nothing") {
  CHECK(login_refusal(EndReason::kLoginFailed, "28P01") == "wrong_password");
  CHECK(login_refusal(EndReason::kLoginFailed, "28000") == "not_allowed");
  CHECK(login_refusal(EndReason::kLoginFailed, "3D000") == "no_such_database");
  CHECK(login_refusal(EndReason::kLoginFailed, "42501") == "not_an_admin");
  CHECK(login_refusal(EndReason::kLoginFailed, "53300") == "too_many_failures");
  CHECK(login_refusal(EndReason::kLoginFailed, "22023") == "other");
  CHECK(login_refusal(EndReason::kLimit, "53300") == "limit");
  CHECK(login_refusal(EndReason::kLoginTimeout, "08P01") == "timeout");
  CHECK(login_refusal(EndReason::kTlsFailed, "") == "tls");
  CHECK(login_refusal(EndReason::kClientClosed, "") == "left");
  CHECK(login_refusal(EndReason::kCancelRequest, "").empty());
}
