// Command line options of the benchmark programs: `--name value`, nothing else.
#pragma once

#include <cstdlib>
#include <map>
#include <span>
#include <string>

#include "sockets.h"

namespace bench {

class Options {
 public:
  // `known` holds every option with its default.
  Options(std::span<char*> arguments, std::map<std::string, std::string> known)
      : values_(std::move(known)) {
    for (std::size_t i = 1; i < arguments.size(); i += 2) {
      const std::string name = arguments[i];
      const auto found = name.starts_with("--") ? values_.find(name.substr(2)) : values_.end();
      if (found == values_.end()) refuse("unknown option " + name + known_names());
      if (i + 1 == arguments.size()) refuse(name + " needs a value");
      found->second = arguments[i + 1];
    }
  }

  [[nodiscard]] const std::string& text(const std::string& name) const { return values_.at(name); }
  [[nodiscard]] int integer(const std::string& name) const { return static_cast<int>(real(name)); }
  [[nodiscard]] double real(const std::string& name) const {
    const std::string& value = values_.at(name);
    char* end = nullptr;
    const double result = std::strtod(value.c_str(), &end);
    if (value.empty() || *end != '\0') refuse("--" + name + " needs a number, not " + value);
    return result;
  }

 private:
  [[nodiscard]] std::string known_names() const {
    std::string names = "; known:";
    for (const auto& [name, value] : values_) {
      names.append(" --").append(name).append(" (").append(value).append(")");
    }
    return names;
  }

  std::map<std::string, std::string> values_;
};

}  // namespace bench
