// Durations and sizes as people write them. Pure.
// Durations: us ms s min h d, a bare number is seconds (as in PgBouncer), fractions are allowed.
// Sizes: B kB MB GB TB in powers of 1024, as in PostgreSQL; KiB MiB GiB TiB are the same.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "pgsaba/base/clock.h"

namespace pgsaba::config {

std::optional<std::int64_t> parse_integer(std::string_view text, int base = 10);
std::optional<Micros> parse_duration(std::string_view text);
std::optional<std::int64_t> parse_size(std::string_view text);

// In the largest unit that divides the value: "90s", "2min", "1h".
std::string format_duration(Micros duration_us);
std::string format_size(std::int64_t size_bytes);
// Of a file: "0770".
std::string format_mode(std::int64_t mode);

}  // namespace pgsaba::config
