#include "control/log_options.h"

namespace pgsaba::control {

log::Options log_options(const config::Log& from) {
  log::Options options;
  switch (from.level) {
    case config::LogLevel::kDebug:
      options.level = log::Level::kDebug;
      break;
    case config::LogLevel::kInfo:
      options.level = log::Level::kInfo;
      break;
    case config::LogLevel::kWarning:
      options.level = log::Level::kWarning;
      break;
    case config::LogLevel::kError:
      options.level = log::Level::kError;
      break;
  }
  options.format =
      from.format == config::LogFormat::kJson ? log::Format::kJson : log::Format::kText;
  options.file = from.file;
  options.syslog = from.syslog;
  options.syslog_ident = from.syslog_ident;
  return options;
}

}  // namespace pgsaba::control
