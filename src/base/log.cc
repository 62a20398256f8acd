#include "pgsaba/base/log.h"

#include <spdlog/formatter.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <syslog.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "pgsaba/base/clock.h"
#include "pgsaba/base/log_line.h"

namespace pgsaba::log {

namespace detail {
std::atomic<Level> threshold{Level::kInfo};
}  // namespace detail

namespace {

using spdlog::details::log_msg;

constexpr std::array kLevelNames = {
    std::pair{Level::kTrace, std::string_view("trace")},
    std::pair{Level::kDebug, std::string_view("debug")},
    std::pair{Level::kInfo, std::string_view("info")},
    std::pair{Level::kWarning, std::string_view("warning")},
    std::pair{Level::kError, std::string_view("error")},
    std::pair{Level::kCritical, std::string_view("critical")},
};

constexpr std::array kFacilities = {
    std::pair{std::string_view("auth"), LOG_AUTH},
    std::pair{std::string_view("authpriv"), LOG_AUTHPRIV},
    std::pair{std::string_view("daemon"), LOG_DAEMON},
    std::pair{std::string_view("user"), LOG_USER},
    std::pair{std::string_view("local0"), LOG_LOCAL0},
    std::pair{std::string_view("local1"), LOG_LOCAL1},
    std::pair{std::string_view("local2"), LOG_LOCAL2},
    std::pair{std::string_view("local3"), LOG_LOCAL3},
    std::pair{std::string_view("local4"), LOG_LOCAL4},
    std::pair{std::string_view("local5"), LOG_LOCAL5},
    std::pair{std::string_view("local6"), LOG_LOCAL6},
    std::pair{std::string_view("local7"), LOG_LOCAL7},
};

// Our levels and spdlog's first six have the same order.
spdlog::level::level_enum to_spdlog(Level level) {
  return static_cast<spdlog::level::level_enum>(level);
}
Level from_spdlog(spdlog::level::level_enum level) { return static_cast<Level>(level); }

Record record_of(const log_msg& message) {
  const auto since_epoch = message.time.time_since_epoch();
  return {std::chrono::duration_cast<std::chrono::microseconds>(since_epoch).count(),
          from_spdlog(message.level),
          ::getpid(),
          {message.payload.data(), message.payload.size()}};
}

class LineFormatter : public spdlog::formatter {
 public:
  explicit LineFormatter(Format format) : format_(format) {}

  void format(const log_msg& message, spdlog::memory_buf_t& out) override {
    const Record record = record_of(message);
    const std::string line = format_ == Format::kJson ? json_line(record) : text_line(record);
    out.append(line.data(), line.data() + line.size());
    out.push_back('\n');
  }
  std::unique_ptr<formatter> clone() const override {
    return std::make_unique<LineFormatter>(format_);
  }

 private:
  Format format_;
};

int syslog_priority(Level level) {
  switch (level) {
    case Level::kTrace:
    case Level::kDebug:
      return LOG_DEBUG;
    case Level::kInfo:
      return LOG_INFO;
    case Level::kWarning:
      return LOG_WARNING;
    case Level::kError:
      return LOG_ERR;
    case Level::kCritical:
      return LOG_CRIT;
  }
  return LOG_INFO;
}

// spdlog's own syslog sink closes the log in its destructor, after its successor has opened it, and
// so loses the ident on a reload. Syslog adds time, ident and pid: text lines are the message
// alone.
class SyslogSink : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
 public:
  SyslogSink(std::string ident, int facility, Format format)
      : ident_(std::move(ident)), facility_(facility), format_(format) {
    ::openlog(ident_.c_str(), LOG_PID, facility_);
  }

 protected:
  void sink_it_(const log_msg& message) override {
    const Record record = record_of(message);
    const std::string line =
        format_ == Format::kJson ? json_line(record) : escape_text(record.message);
    ::syslog(facility_ | syslog_priority(record.level), "%s", line.c_str());  // NOLINT: varargs
  }
  void flush_() override {}

 private:
  std::string ident_;  // openlog keeps the pointer
  int facility_;
  Format format_;
};

std::optional<int> facility_of(std::string_view name) {
  for (const auto& [known, facility] : kFacilities) {
    if (known == name) return facility;
  }
  return std::nullopt;
}

Result<spdlog::sink_ptr> open_file(const std::string& path) {
  try {
    return spdlog::sink_ptr(std::make_shared<spdlog::sinks::basic_file_sink_st>(path));
  } catch (const spdlog::spdlog_ex& failure) {
    return Error{fmt::format("cannot write the log file: {}", failure.what()),
                 "check that its directory exists and belongs to the daemon's user"};
  }
}

std::unique_ptr<spdlog::logger> make_logger(std::vector<spdlog::sink_ptr> sinks, Format format) {
  auto logger = std::make_unique<spdlog::logger>("pgsaba", sinks.begin(), sinks.end());
  logger->set_formatter(std::make_unique<LineFormatter>(format));
  logger->set_level(spdlog::level::trace);  // the threshold was applied before formatting
  logger->flush_on(spdlog::level::trace);
  return logger;
}

spdlog::sink_ptr stderr_sink() { return std::make_shared<spdlog::sinks::stderr_sink_st>(); }

struct Output {
  std::mutex mutex;
  std::unique_ptr<spdlog::logger> logger = make_logger({stderr_sink()}, Format::kText);
};

// Never destroyed: threads may still log while the process ends.
Output& output() {
  static auto* const instance = new Output;
  return *instance;
}

}  // namespace

Status configure(const Options& options) {
  std::vector<spdlog::sink_ptr> sinks;
  if (!options.file.empty()) {
    auto file = open_file(options.file);
    if (!file) return file.error();
    sinks.push_back(*file);
  }
  if (options.syslog) {
    const auto facility = facility_of(options.syslog_facility);
    if (!facility) {
      return Error{fmt::format("unknown syslog facility \"{}\"", options.syslog_facility),
                   "one of auth, authpriv, daemon, user, local0 to local7"};
    }
    sinks.push_back(std::make_shared<SyslogSink>(options.syslog_ident, *facility, options.format));
  }
  if (sinks.empty()) sinks.push_back(stderr_sink());

  auto logger = make_logger(std::move(sinks), options.format);
  const std::scoped_lock lock(output().mutex);
  output().logger.swap(logger);
  detail::threshold.store(options.level, std::memory_order_relaxed);
  return done();
}

std::optional<Level> parse_level(std::string_view name) {
  for (const auto& [level, known] : kLevelNames) {
    if (known == name) return level;
  }
  return std::nullopt;
}

std::optional<Format> parse_format(std::string_view name) {
  if (name == "text") return Format::kText;
  if (name == "json") return Format::kJson;
  return std::nullopt;
}

std::string_view name_of(Level level) {
  return kLevelNames.at(static_cast<std::size_t>(level)).second;
}

void write(Level level, std::string_view message) {
  if (!enabled(level)) return;
  Output& out = output();
  const std::scoped_lock lock(out.mutex);
  out.logger->log(to_spdlog(level), spdlog::string_view_t(message.data(), message.size()));
}

}  // namespace pgsaba::log
