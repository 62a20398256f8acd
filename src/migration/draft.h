// Draft: a configuration that is being written, section by section, every line with where it comes
// from. Lives for one migration.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pgsaba/migration/migration.h"

namespace pgsaba::migration {

// As YAML: in single quotes, nothing in it taken for a variable.
std::string in_quotes(std::string_view text);
// The same without quotes where none are needed.
std::string scalar(std::string_view text);
std::string list_of(const std::vector<std::string>& items);

// {a: 1, b: 2}
class FlowMap {
 public:
  // `value` is YAML already.
  FlowMap& add(std::string_view key, std::string_view value) {
    pairs_.emplace_back(key, value);
    return *this;
  }
  bool empty() const { return pairs_.empty(); }
  std::string text() const;

 private:
  std::vector<std::pair<std::string, std::string>> pairs_;
};

// Where a line comes from, and how it reads there.
struct Origin {
  std::string place;  // "pgbouncer.ini:12"
  std::string line;
};

class Draft {
 public:
  explicit Draft(std::string head) : head_(std::move(head)) {}

  // A setting that has one value; `value` is YAML already. The last one counts. The section "" is
  // the top level.
  void set(const std::string& section, const std::string& key, std::string value,
           const std::string& from);
  // A whole line of a section, indented by two.
  void add(const std::string& section, std::string line, const std::string& from);
  // What is not taken over as it is.
  void note(const Origin& origin, std::string_view why);
  void warn(std::string what) { warnings_.push_back(std::move(what)); }
  bool has(const std::string& section, const std::string& key) const;

  Migrated finish(std::string userlist = {}) const;

 private:
  struct Line {
    std::string key;  // empty: a whole line
    std::string text;
    std::string from;
  };
  std::string head_;
  std::vector<std::pair<std::string, std::vector<Line>>> sections_;
  std::vector<std::pair<Origin, std::string>> notes_;
  std::vector<std::string> warnings_;

  static void write_section(const std::string& name, const std::vector<Line>& lines,
                            std::string& out);
  std::vector<Line>& lines_of(const std::string& section);
};

}  // namespace pgsaba::migration
