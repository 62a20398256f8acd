// Files and environment variables that exist only in a test.
#pragma once

#include <fnmatch.h>

#include <map>
#include <string>

#include "pgsaba/config/load.h"

namespace pgsaba::config {

struct FakeWorld {
  std::map<std::string, std::string> files;
  std::map<std::string, std::string> variables;

  // Borrows this.
  Environment environment() const {
    return {[this](const std::string& name) -> std::optional<std::string> {
              const auto found = variables.find(name);
              return found == variables.end() ? std::nullopt : std::optional(found->second);
            },
            [this](const std::string& path) -> Result<std::string> {
              const auto found = files.find(path);
              if (found == files.end()) return Error{"no such file"};
              return found->second;
            },
            [this](const std::string& pattern) {
              std::vector<std::string> paths;
              for (const auto& [path, text] : files) {
                if (::fnmatch(pattern.c_str(), path.c_str(), FNM_PATHNAME) == 0) {
                  paths.push_back(path);
                }
              }
              return paths;
            }};
  }
};

// The problems of a single file "pgsaba.yaml".
inline Loaded load_text(const std::string& text, FakeWorld world = {}) {
  world.files["pgsaba.yaml"] = text;
  return load_with_problems("pgsaba.yaml", world.environment());
}

inline std::string texts_of(const Loaded& loaded) {
  std::string texts;
  for (const Problem& problem : loaded.problems) texts += problem.text() + "\n";
  return texts;
}

// What most tests need before their own subject: nothing else is wrong.
inline const std::string kBase =
    "auth: {type: trust}\n"
    "clusters: {main: {servers: [{name: a, host: 10.0.0.1}]}}\n"
    "databases: {shop: {cluster: main}}\n";

}  // namespace pgsaba::config
