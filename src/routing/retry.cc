#include "pgsaba/routing/retry.h"

#include <algorithm>
#include <array>

namespace pgsaba::routing {

bool may_run_elsewhere(std::string_view sqlstate) {
  static constexpr std::array<std::string_view, 19> kStates = {
      "0A000",  // feature_not_supported
      "25006",  // read_only_sql_transaction
      "26000",  // invalid_sql_statement_name
      "3D000",  // invalid_catalog_name
      "3F000",  // invalid_schema_name
      "40001",  // serialization_failure: a conflict with recovery
      "40P01",  // deadlock_detected: with recovery
      "42501",  // insufficient_privilege: GRANT not yet replayed
      "42703",  // undefined_column
      "42704",  // undefined_object
      "42883",  // undefined_function
      "42P01",  // undefined_table
      "55000",  // object_not_in_prerequisite_state
      "57P01",  // admin_shutdown
      "57P02",  // crash_shutdown
      "57P03",  // cannot_connect_now
      "58030",  // io_error
      "XX000",  // internal_error
      "XX001",  // data_corrupted
  };
  return std::ranges::find(kStates, sqlstate) != kStates.end();
}

}  // namespace pgsaba::routing
