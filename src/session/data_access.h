// What a statement may do to data. What begins and ends transactions, sets parameters or moves a
// cursor writes nothing by itself: the statement that it belongs to was judged when it came.
#pragma once

#include <algorithm>

#include "pgsaba/sql/statement.h"

namespace pgsaba::session {

inline bool touches_data(const sql::Statement& statement) {
  using sql::AccessReason;
  const bool no_data = statement.reason == AccessReason::kTransaction ||
                       statement.reason == AccessReason::kSession ||
                       statement.reason == AccessReason::kCursor;
  return !no_data || statement.access != sql::Access::kUnknown;
}

inline sql::Access data_access(const sql::Statement& statement) {
  return touches_data(statement) ? statement.access : sql::Access::kPrimaryRead;
}

}  // namespace pgsaba::session
