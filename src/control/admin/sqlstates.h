// SQLSTATEs that only the console raises. Source: PostgreSQL, appendix A (error codes).
#pragma once

#include <string_view>

namespace pgsaba::admin {

inline constexpr std::string_view kInvalidParameterValue = "22023";
inline constexpr std::string_view kUndefinedStatement = "26000";
inline constexpr std::string_view kUndefinedCursor = "34000";
inline constexpr std::string_view kSyntaxError = "42601";
inline constexpr std::string_view kDuplicateCursor = "42P03";
inline constexpr std::string_view kDuplicateStatement = "42P05";

}  // namespace pgsaba::admin
