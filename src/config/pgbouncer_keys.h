// What PgBouncer's SHOW CONFIG has and no row of our table says in the same words: made from rows
// of ours, or the same for ever. Monitoring and scripts look for it. What would have no true value
// here (buffers of a fixed size, SUSPEND) is left out. SHOW CONFIG, SET, the manual and the hints
// about unknown keys walk this table. Constant; any thread.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "pgsaba/config/config.h"

namespace pgsaba::config {

struct PgbouncerKey {
  std::string_view name;
  std::string_view source = {};  // our setting that says it; empty: it is always `fixed`
  bool changeable = false;
  std::string (*value)(const Config&) = nullptr;
  // For SET: the value for `source`; null: SET takes our name only.
  std::optional<std::string> (*translated)(std::string_view) = nullptr;
  std::string_view fixed = {};
  std::string_view why = {};  // it is fixed
};

std::span<const PgbouncerKey> pgbouncer_keys();
const PgbouncerKey* find_pgbouncer_key(std::string_view name);
std::string value_of(const PgbouncerKey& key, const Config& config);

}  // namespace pgsaba::config
