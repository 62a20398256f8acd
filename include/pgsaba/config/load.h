// From a YAML file to a Config, or to the list of everything that is wrong with it. The world
// (files, environment variables) is handed in, so that tests need none. Called on the control
// thread, at start and at reload; blocking reads. A file with an error never yields a Config.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "pgsaba/base/result.h"
#include "pgsaba/config/config.h"

namespace pgsaba::config {

struct Environment {
  std::function<std::optional<std::string>(const std::string& name)> variable;
  std::function<Result<std::string>(const std::string& path)> read_file;
  // The paths that match a pattern with * ? or [, sorted.
  std::function<std::vector<std::string>(const std::string& pattern)> glob;
};
Environment system_environment();

enum class Severity : std::uint8_t { kError, kWarning };

struct Problem {
  Severity severity = Severity::kError;
  std::string file;
  int line = 0;  // from 1; 0: the file as a whole
  std::string message;
  std::string hint;

  std::string text() const;  // message (file:line); hint
};

struct Loaded {
  std::shared_ptr<const Config> config;  // null if a problem is an error
  std::vector<Problem> problems;         // at most about twenty errors, then warnings
};

Loaded load_with_problems(const std::string& path, const Environment& environment);

// The same for those who only want to start: all errors as one message, one per line.
Result<std::shared_ptr<const Config>> load(const std::string& path, const Environment& environment);

// What `pgsaba check` prints.
std::vector<Problem> check(const std::string& path, const Environment& environment);

}  // namespace pgsaba::config
