// The catalogue of the login errors that more than one file of this folder raises.
// Any thread; pure functions.
#pragma once

#include <pgsaba/auth/login_error.h>

#include <string>
#include <string_view>

namespace pgsaba::auth {

inline constexpr std::string_view kInvalidPassword = "28P01";
inline constexpr std::string_view kInvalidAuthorization = "28000";
inline constexpr std::string_view kProtocolViolation = "08P01";
inline constexpr std::string_view kFeatureNotSupported = "0A000";
inline constexpr std::string_view kInternalError = "XX000";

// The one answer to a wrong password, an unknown user and a user without password alike.
inline LoginError wrong_password(std::string_view user, std::string_view log_detail) {
  return {kInvalidPassword,
          "password authentication failed for user \"" + std::string(user) + '"',
          {},
          std::string(log_detail)};
}

inline LoginError malformed_scram(std::string_view detail) {
  return {kProtocolViolation, "malformed SCRAM message", std::string(detail)};
}

inline LoginError protocol_violation(std::string_view message) {
  return {kProtocolViolation, std::string(message)};
}

}  // namespace pgsaba::auth
