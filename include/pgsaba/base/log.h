// The daemon's log: one line per event, to stderr, a file or syslog, as text or JSON.
//
//   log::info("client {} connected from {}", id, address);
//
// Any thread; a line is written whole under one lock and flushed at once, so this is for events and
// never for queries. Arguments are formatted only if the level is enabled. What clients send may
// stand in a message: control characters are escaped, so that one event stays one line.
#pragma once

#include <fmt/core.h>

#include <atomic>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "pgsaba/base/result.h"

namespace pgsaba::log {

enum class Level { kTrace, kDebug, kInfo, kWarning, kError, kCritical };
enum class Format { kText, kJson };

// Lines go to `file` and to syslog where these are set, and to stderr if neither is.
struct Options {
  Level level = Level::kInfo;
  Format format = Format::kText;
  std::string file = {};
  bool syslog = false;
  std::string syslog_ident = "pgsaba";
  std::string syslog_facility = "daemon";
};

// Takes effect for every later line. Called again (reload, log rotation) it opens the file anew.
// On an error (file cannot be opened, unknown facility) everything stays as it was.
Status configure(const Options& options);

// "trace" "debug" "info" "warning" "error" "critical"; "text" "json".
std::optional<Level> parse_level(std::string_view name);
std::optional<Format> parse_format(std::string_view name);
std::string_view name_of(Level level);

// Writes a finished message if its level is enabled.
void write(Level level, std::string_view message);

namespace detail {
extern std::atomic<Level> threshold;

template <class... Args>
void format_and_write(Level level, fmt::format_string<Args...> format, Args&&... args) {
  if (level < threshold.load(std::memory_order_relaxed)) return;
  write(level, fmt::format(format, std::forward<Args>(args)...));
}
}  // namespace detail

inline bool enabled(Level level) {
  return level >= detail::threshold.load(std::memory_order_relaxed);
}

template <class... Args>
void trace(fmt::format_string<Args...> format, Args&&... args) {
  detail::format_and_write(Level::kTrace, format, std::forward<Args>(args)...);
}
template <class... Args>
void debug(fmt::format_string<Args...> format, Args&&... args) {
  detail::format_and_write(Level::kDebug, format, std::forward<Args>(args)...);
}
template <class... Args>
void info(fmt::format_string<Args...> format, Args&&... args) {
  detail::format_and_write(Level::kInfo, format, std::forward<Args>(args)...);
}
template <class... Args>
void warning(fmt::format_string<Args...> format, Args&&... args) {
  detail::format_and_write(Level::kWarning, format, std::forward<Args>(args)...);
}
template <class... Args>
void error(fmt::format_string<Args...> format, Args&&... args) {
  detail::format_and_write(Level::kError, format, std::forward<Args>(args)...);
}
template <class... Args>
void critical(fmt::format_string<Args...> format, Args&&... args) {
  detail::format_and_write(Level::kCritical, format, std::forward<Args>(args)...);
}

}  // namespace pgsaba::log
