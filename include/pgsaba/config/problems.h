// Collects what is wrong with a configuration, with file and line, until there is enough to show.
// Control thread; lives for one load().
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "pgsaba/config/load.h"

namespace pgsaba::config {

struct Place {
  std::shared_ptr<const std::string> file;
  int line = 0;  // from 1; 0: unknown
};

std::string text_of(const Place& place);  // "file:line"

class Problems {
 public:
  static constexpr std::size_t kMaxErrors = 20;
  static constexpr std::size_t kMaxWarnings = 50;

  void error(const Place& place, std::string message, std::string hint = {});
  void warning(const Place& place, std::string message, std::string hint = {});

  bool full() const { return errors_ >= kMaxErrors; }
  bool has_errors() const { return errors_ > 0; }
  std::vector<Problem> take() { return std::move(problems_); }

 private:
  std::vector<Problem> problems_;
  std::size_t errors_ = 0;
  std::size_t warnings_ = 0;
};

}  // namespace pgsaba::config
