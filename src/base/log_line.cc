#include "pgsaba/base/log_line.h"

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <iterator>

namespace pgsaba::log {

namespace {

constexpr std::uint32_t kInvalid = 0xffffffff;

struct Character {
  std::uint32_t code;  // kInvalid for a byte that starts no UTF-8 character
  std::size_t length;  // bytes taken, at least 1
};

bool is_continuation(std::string_view text, std::size_t at) {
  return at < text.size() && (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80;
}

// Shortest form only, no surrogates, at most U+10FFFF (RFC 3629).
Character next_character(std::string_view text) {
  const auto first = static_cast<unsigned char>(text[0]);
  if (first < 0x80) return {first, 1};
  const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4) return {kInvalid, 1};
  std::uint32_t code = first & (0xffU >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    if (!is_continuation(text, i)) return {kInvalid, 1};
    code = (code << 6) | (static_cast<unsigned char>(text[i]) & 0x3fU);
  }
  const bool overlong = (length == 3 && code < 0x800) || (length == 4 && code < 0x10000);
  const bool surrogate = code >= 0xd800 && code <= 0xdfff;
  if (overlong || surrogate || code > 0x10ffff) return {kInvalid, 1};
  return {code, length};
}

bool is_control(std::uint32_t code) { return code < 0x20 || (code >= 0x7f && code <= 0x9f); }

// Calls `special(out, character, bytes)` for what `plain` refuses, and copies the rest.
template <class Plain, class Special>
std::string escape(std::string_view message, Plain plain, Special special) {
  std::string out;
  out.reserve(message.size());
  while (!message.empty()) {
    const Character character = next_character(message);
    const std::string_view bytes = message.substr(0, character.length);
    if (plain(character.code)) {
      out.append(bytes);
    } else {
      special(out, character.code, bytes);
    }
    message.remove_prefix(character.length);
  }
  return out;
}

// The two-character escapes that text and JSON share; 0 if there is none.
char short_escape(std::uint32_t code) {
  switch (code) {
    case '\n':
      return 'n';
    case '\r':
      return 'r';
    case '\t':
      return 't';
    default:
      return 0;
  }
}

struct LocalTime {
  std::tm fields{};
  int millisecond = 0;
};

LocalTime local_time(Micros wall_time) {
  LocalTime local;
  const auto seconds = static_cast<std::time_t>(wall_time / kSecond);
  ::localtime_r(&seconds, &local.fields);
  local.millisecond = static_cast<int>(wall_time % kSecond / kMillisecond);
  return local;
}

std::string clock_text(const LocalTime& time, char between) {
  const std::tm& t = time.fields;
  return fmt::format("{:04}-{:02}-{:02}{}{:02}:{:02}:{:02}.{:03}", t.tm_year + 1900, t.tm_mon + 1,
                     t.tm_mday, between, t.tm_hour, t.tm_min, t.tm_sec, time.millisecond);
}

std::string offset_text(long east_seconds) {
  const long minutes = std::labs(east_seconds) / 60;
  return fmt::format("{}{:02}:{:02}", east_seconds < 0 ? '-' : '+', minutes / 60, minutes % 60);
}

// PgBouncer's words for the levels, so that its log filters keep working.
std::string_view word_of(Level level) {
  switch (level) {
    case Level::kTrace:
      return "NOISE";
    case Level::kDebug:
      return "DEBUG";
    case Level::kInfo:
      return "LOG";
    case Level::kWarning:
      return "WARNING";
    case Level::kError:
      return "ERROR";
    case Level::kCritical:
      return "FATAL";
  }
  return "LOG";
}

}  // namespace

std::string escape_text(std::string_view message) {
  const auto plain = [](std::uint32_t code) { return code != kInvalid && !is_control(code); };
  return escape(message, plain, [](std::string& out, std::uint32_t code, std::string_view bytes) {
    if (const char letter = short_escape(code)) {
      out += {'\\', letter};
      return;
    }
    for (const char byte : bytes) {
      fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<unsigned char>(byte));
    }
  });
}

std::string escape_json(std::string_view message) {
  const auto plain = [](std::uint32_t code) {
    return code != kInvalid && !is_control(code) && code != '"' && code != '\\';
  };
  return escape(message, plain, [](std::string& out, std::uint32_t code, std::string_view) {
    if (code == '"' || code == '\\') {
      out += {'\\', static_cast<char>(code)};
    } else if (const char letter = short_escape(code)) {
      out += {'\\', letter};
    } else {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", code == kInvalid ? 0xfffdU : code);
    }
  });
}

std::string text_line(const Record& record) {
  const LocalTime time = local_time(record.wall_time);
  return fmt::format("{} {} [{}] {} {}", clock_text(time, ' '), time.fields.tm_zone, record.pid,
                     word_of(record.level), escape_text(record.message));
}

std::string json_line(const Record& record) {
  const LocalTime time = local_time(record.wall_time);
  return fmt::format(R"({{"time":"{}{}","level":"{}","pid":{},"message":"{}"}})",
                     clock_text(time, 'T'), offset_text(time.fields.tm_gmtoff),
                     name_of(record.level), record.pid, escape_json(record.message));
}

}  // namespace pgsaba::log
