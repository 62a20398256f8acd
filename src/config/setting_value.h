// A setting's value from and to text, as its row in the table wants it. Pure.
#pragma once

#include <string>
#include <string_view>

#include "pgsaba/base/result.h"
#include "settings_table.h"

namespace pgsaba::config {

// `shown` is the text as the file has it, before environment variables are filled in: errors quote
// that, so that no secret gets into a log. Not for kStringList and kSecretFile.
Result<Value> parse_value(const Setting& setting, std::string_view text, std::string_view shown);

// As the YAML would have it; "" for a value that is inherited, "***" for a secret.
std::string format_value(const Setting& setting, const Value& value);

// As PgBouncer's SHOW CONFIG has it: numbers without a unit, 0 and 1, comma lists.
std::string format_pgbouncer(const Setting& setting, const Value& value);
// The other way: what a number without a unit means there.
std::string with_unit(const Setting& setting, std::string_view text);

}  // namespace pgsaba::config
