// What a statement may do to data. What begins and ends transactions, sets parameters or moves a
// cursor writes nothing by itself: the statement that it belongs to was judged when it came.
#pragma once

#include <algorithm>

#include "pgsaba/sql/statement.h"

namespace pgsaba::session {

inline bool is_plain(const sql::Statement& statement) {
  return statement.access == sql::Access::kUnknown && statement.single &&
         (statement.effects & sql::effect::kUnknownCode) == 0;
}

// Whether the client may have seen or changed data by it.
inline bool touches_data(const sql::Statement& statement) {
  const bool no_data = statement.reason == sql::AccessReason::kTransaction ||
                       statement.reason == sql::AccessReason::kSession;
  return !no_data || !is_plain(statement);
}

inline sql::Access data_access(const sql::Statement& statement) {
  const bool moves_cursor = statement.reason == sql::AccessReason::kCursor && is_plain(statement);
  return touches_data(statement) && !moves_cursor ? statement.access : sql::Access::kPrimaryRead;
}

}  // namespace pgsaba::session
