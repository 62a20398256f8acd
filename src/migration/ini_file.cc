#include "migration/ini_file.h"

#include <algorithm>
#include <cctype>
#include <filesystem>

namespace pgsaba::migration {
namespace {

constexpr int kMaxIncludes = 10;

bool is_space(char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; }
bool is_key(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '.' || c == '-' ||
         c == '*';
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

// A name in double quotes, with "" for one of them, or what PgBouncer allows without.
std::string take_key(std::string_view& text) {
  std::string key;
  if (!text.starts_with('"')) {
    while (!text.empty() && is_key(text.front())) {
      key += text.front();
      text.remove_prefix(1);
    }
    return key;
  }
  for (text.remove_prefix(1); !text.empty(); text.remove_prefix(1)) {
    if (text.starts_with("\"\"")) {
      text.remove_prefix(1);
    } else if (text.front() == '"') {
      text.remove_prefix(1);
      break;
    }
    key += text.front();
  }
  return key;
}

class Reader {
 public:
  explicit Reader(const ReadFile& read) : read_(read) {}

  Status read_file(const std::string& path, int depth) {
    const auto text = read_(path);
    if (!text) return text.error();
    int number = 0;
    for (std::string_view rest = *text; !rest.empty();) {
      const std::size_t end = std::min(rest.find('\n'), rest.size());
      const std::string_view line = trimmed(rest.substr(0, end));
      rest.remove_prefix(std::min(end + 1, rest.size()));
      if (Status taken = take({path, ++number, section_, {}, {}}, line, depth); !taken.ok())
        return taken;
    }
    return done();
  }

  std::vector<IniLine> lines;

 private:
  Status take(IniLine at, std::string_view line, int depth) {
    if (line.empty() || line.front() == ';' || line.front() == '#') return done();
    if (line.starts_with("%include") && line.size() > 8 && is_space(line[8]))
      return include(at, std::string(trimmed(line.substr(8))), depth);
    if (line.front() == '[') return begin_section(at, line, depth);
    at.key = take_key(line);
    line = trimmed(line);
    if (line.empty() || line.front() != '=')
      return Error{"syntax error (" + at.place() + ")", "PgBouncer refuses this line, too"};
    at.value = trimmed(line.substr(1));
    lines.push_back(std::move(at));
    return done();
  }

  Status begin_section(const IniLine& at, std::string_view line, int depth) {
    const std::size_t end = line.find(']');
    if (end == std::string_view::npos)
      return Error{"syntax error (" + at.place() + ")", "the section's name has no ']'"};
    section_ = line.substr(1, end - 1);
    // What follows on the same line counts, for PgBouncer as well.
    return take({at.file, at.line, section_, {}, {}}, trimmed(line.substr(end + 1)), depth);
  }

  Status include(const IniLine& at, const std::string& path, int depth) {
    if (depth >= kMaxIncludes)
      return Error{"files include each other too deeply (" + at.place() + ")"};
    // For PgBouncer a relative path begins where it was started, which nobody knows any more.
    const std::string near = beside(at.file, path);
    if (Status read = read_file(read_(near).ok() ? near : path, depth + 1); !read.ok())
      return Error{read.error().message + " (included in " + at.place() + ")", read.error().hint};
    return done();
  }

  const ReadFile& read_;
  std::string section_;
};

Error pair_error(std::string_view text) {
  return Error{"syntax error in '" + std::string(text) + "'",
               "it should be key=value key='a value'"};
}

}  // namespace

std::string IniLine::place() const {
  return std::filesystem::path(file).filename().string() + ":" + std::to_string(line);
}

std::string beside(const std::string& base, const std::string& path) {
  const std::filesystem::path given(path);
  if (given.is_absolute()) return path;
  return (std::filesystem::absolute(base).parent_path() / given).lexically_normal().string();
}

std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> items;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(','), text.size());
    if (const auto item = trimmed(text.substr(0, end)); !item.empty()) items.emplace_back(item);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return items;
}

Result<std::vector<IniLine>> read_ini(const std::string& path, const ReadFile& read) {
  Reader reader(read);
  if (Status done = reader.read_file(path, 0); !done.ok()) return done.error();
  return std::move(reader.lines);
}

// PgBouncer's cstr_get_pair: only spaces separate; '' stands for a quote; no value may be empty.
Result<std::vector<std::pair<std::string, std::string>>> read_pairs(std::string_view text) {
  const std::string_view whole = text;
  const auto skip = [&] {
    while (text.starts_with(' ')) text.remove_prefix(1);
  };
  std::vector<std::pair<std::string, std::string>> pairs;
  for (skip(); !text.empty(); skip()) {
    const std::size_t end = std::min(text.find_first_of("= "), text.size());
    const std::string key(text.substr(0, end));
    text.remove_prefix(end);
    skip();
    if (key.empty() || !text.starts_with('=')) return pair_error(whole);
    text.remove_prefix(1);
    skip();
    std::string value;
    if (!text.starts_with('\'')) {
      const std::size_t stop = std::min(text.find(' '), text.size());
      value = text.substr(0, stop);
      text.remove_prefix(stop);
    } else {
      bool closed = false;
      for (text.remove_prefix(1); !text.empty() && !closed; text.remove_prefix(1)) {
        if (text.starts_with("''")) {
          text.remove_prefix(1);
        } else if (text.front() == '\'') {
          closed = true;
          continue;
        }
        value += text.front();
      }
      if (!closed) return pair_error(whole);
    }
    if (value.empty()) return pair_error(whole);
    pairs.emplace_back(key, value);
  }
  return pairs;
}

}  // namespace pgsaba::migration
