// How one event looks as a line: pure functions from a record to text or JSON, without the newline.
// Any thread; the process's time zone (TZ) decides how the time is written.
#pragma once

#include <string>
#include <string_view>

#include "pgsaba/base/clock.h"
#include "pgsaba/base/log.h"

namespace pgsaba::log {

struct Record {
  Micros wall_time;  // since 1970, UTC
  Level level;
  int pid;
  std::string_view message;
};

// 2026-11-24 02:50:08.123 UTC [4711] LOG message       (PgBouncer's layout and words)
std::string text_line(const Record& record);

// {"time":"2026-11-24T02:50:08.123+00:00","level":"info","pid":4711,"message":"..."}   (RFC 3339)
std::string json_line(const Record& record);

// Control characters (C0, DEL, C1) and bytes that are not UTF-8 become \n, \x1b, \xff: neither a
// new line nor a terminal sequence nor a broken character gets through. Everything else is
// untouched.
std::string escape_text(std::string_view message);

// The inside of a JSON string (RFC 8259), always valid UTF-8: stray bytes become U+FFFD.
std::string escape_json(std::string_view message);

}  // namespace pgsaba::log
