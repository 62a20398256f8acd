// Reads the main file and what it includes, and lays the top-level sections side by side. A section
// that is a map may be continued in another file; what is set twice is found by the builder.
// Control thread; lives for one load().
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "pgsaba/config/load.h"
#include "pgsaba/config/problems.h"
#include "pgsaba/config/yaml_tree.h"

namespace pgsaba::config {

// `path` as the file `from` means it: relative to that file's directory.
std::string path_beside(const std::string& from, const std::string& path);

class SourceFiles {
 public:
  SourceFiles(const Environment& environment, Problems& problems)
      : environment_(environment), problems_(problems) {}

  void read(const std::string& path) { read_file(path, {}); }

  // In the order read, `include` left out. The same key appears once per file that has it.
  const std::vector<Entry>& entries() const { return entries_; }

 private:
  void read_file(const std::string& path, const Place& from);
  void read_include(const YamlNode& node);
  void include_pattern(const YamlNode& node);
  bool may_open(const std::string& path, const Place& from);

  const Environment& environment_;
  Problems& problems_;
  std::vector<Entry> entries_;
  std::vector<std::string> open_;  // from the main file down to the one being read
  std::size_t files_read_ = 0;
};

}  // namespace pgsaba::config
