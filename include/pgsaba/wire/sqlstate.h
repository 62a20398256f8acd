// The SQLSTATEs that pgsaba itself raises. Source: PostgreSQL, appendix A (error codes).
#pragma once

#include <string_view>

namespace pgsaba::wire::sqlstate {

inline constexpr std::string_view kUnableToConnect = "08001";
inline constexpr std::string_view kConnectionFailure = "08006";
inline constexpr std::string_view kTransactionResolutionUnknown = "08007";
inline constexpr std::string_view kProtocolViolation = "08P01";
inline constexpr std::string_view kFeatureNotSupported = "0A000";
inline constexpr std::string_view kActiveTransaction = "25001";
inline constexpr std::string_view kIdleInTransactionTimeout = "25P03";
inline constexpr std::string_view kTransactionTimeout = "25P04";
inline constexpr std::string_view kInvalidAuthorization = "28000";
inline constexpr std::string_view kInvalidPassword = "28P01";
inline constexpr std::string_view kUndefinedDatabase = "3D000";
inline constexpr std::string_view kInsufficientPrivilege = "42501";
inline constexpr std::string_view kOutOfMemory = "53200";
inline constexpr std::string_view kTooManyConnections = "53300";
inline constexpr std::string_view kObjectNotInState = "55000";
inline constexpr std::string_view kWarning = "01000";
inline constexpr std::string_view kProgramLimitExceeded = "54000";
inline constexpr std::string_view kDuplicateStatement = "42P05";
inline constexpr std::string_view kQueryCanceled = "57014";
inline constexpr std::string_view kReadOnlyTransaction = "25006";
inline constexpr std::string_view kAdminShutdown = "57P01";
inline constexpr std::string_view kCrashShutdown = "57P02";
inline constexpr std::string_view kCannotConnectNow = "57P03";
inline constexpr std::string_view kIdleSessionTimeout = "57P05";
inline constexpr std::string_view kInternalError = "XX000";

}  // namespace pgsaba::wire::sqlstate
