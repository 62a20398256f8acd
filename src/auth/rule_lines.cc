#include <pgsaba/auth/rule_lines.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>

namespace pgsaba::auth {
namespace {

constexpr std::size_t kMaxTokenBytes = 10'240;  // as in PostgreSQL 16
constexpr std::size_t kMaxFileBytes = 16UL * 1024 * 1024;
constexpr int kMaxDepth = 10;

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

std::string beside(const std::string& file, const std::string& name) {
  // Absolute names stay.
  return (std::filesystem::path(file).parent_path() / name).lexically_normal().string();
}

// Cuts one logical line into tokens.
class TokenReader {
 public:
  explicit TokenReader(std::string_view line) : rest_(line) {}

  // False at the end of the line. `last` tells that no comma joins the next token to this one.
  bool next(RuleToken& token, bool& last) {
    while (!rest_.empty() && (is_blank(rest_.front()) || rest_.front() == ','))
      rest_.remove_prefix(1);
    token = {};
    last = true;
    bool quotes = false;  // inside them
    bool any_quote = false;
    while (!rest_.empty()) {
      const char c = rest_.front();
      if (!quotes && (is_blank(c) || c == '#')) break;
      rest_.remove_prefix(1);
      if (!quotes && c == ',') {
        last = false;
        break;
      }
      if (c != '"') {
        token.text.push_back(c);
      } else if (quotes && !rest_.empty() && rest_.front() == '"') {
        token.text.push_back('"');
        rest_.remove_prefix(1);
      } else {
        token.quoted = token.quoted || (!any_quote && token.text.empty());
        any_quote = true;
        quotes = !quotes;
      }
    }
    if (!quotes && !rest_.empty() && rest_.front() == '#') rest_ = {};
    return any_quote || !token.text.empty();
  }

 private:
  std::string_view rest_;
};

class LineReader {
 public:
  LineReader(const RuleFiles& files, std::vector<RuleLine>& lines) : files_(files), lines_(lines) {}

  Status read_file(const std::string& path, int depth) {
    const Result<std::string> text = read(path, depth);
    if (!text) return text.error();
    std::string_view rest = *text;
    std::size_t number = 1;
    while (!rest.empty()) {
      std::size_t used = 0;
      const std::string line = logical_line(rest, used);
      take_line(path, number, line, depth);
      number += used;
    }
    return done();
  }

 private:
  Result<std::string> read(const std::string& path, int depth) const {
    if (depth > kMaxDepth) return Error{"\"" + path + "\": files are nested too deeply"};
    Result<std::string> text = files_.read(path);
    if (text && text->size() > kMaxFileBytes)
      return Error{"\"" + path + "\": larger than " + std::to_string(kMaxFileBytes) + " bytes"};
    return text;
  }

  // Joins what a backslash at the end continues; `used` counts the lines of the file.
  static std::string logical_line(std::string_view& rest, std::size_t& used) {
    std::string line;
    for (;;) {
      std::string_view part = rest.substr(0, rest.find('\n'));
      rest.remove_prefix(std::min(part.size() + 1, rest.size()));
      ++used;
      while (part.ends_with('\r')) part.remove_suffix(1);
      line += part;
      if (!line.ends_with('\\') || rest.empty()) return line;
      line.pop_back();
    }
  }

  void take_line(const std::string& path, std::size_t number, std::string_view text, int depth) {
    RuleLine line;
    line.file = path;
    line.number = number;
    TokenReader reader(text);
    RuleToken token;
    bool last = true;
    bool joined = false;
    while (line.error.empty() && reader.next(token, last)) {
      if (!joined) line.fields.emplace_back();
      joined = !last;
      take_token(line, token, depth);
    }
    std::erase_if(line.fields, [](const RuleField& field) { return field.empty(); });
    if (line.fields.empty() && line.error.empty()) return;
    if (!line.error.empty() || !included(line, depth)) lines_.push_back(std::move(line));
  }

  void take_token(RuleLine& line, const RuleToken& token, int depth) {
    if (token.text.size() >= kMaxTokenBytes) {
      line.error = "a word is longer than " + std::to_string(kMaxTokenBytes) + " bytes";
      return;
    }
    const bool file = !token.quoted && token.text.size() > 1 && token.text.front() == '@';
    if (!file) return line.fields.back().push_back(token);
    const std::string path = beside(line.file, token.text.substr(1));
    const Result<std::string> text = read(path, depth + 1);
    if (!text) {
      line.error = text.error().message;
      return;
    }
    std::string_view rest = *text;
    while (!rest.empty() && line.error.empty()) {
      std::size_t used = 0;
      const std::string part = logical_line(rest, used);
      TokenReader reader(part);
      RuleToken inner;
      bool last = true;
      RuleLine scope;  // names inside are relative to that file
      scope.file = path;
      scope.fields.emplace_back();
      while (scope.error.empty() && reader.next(inner, last)) take_token(scope, inner, depth + 1);
      line.error = scope.error;
      std::ranges::move(scope.fields.back(), std::back_inserter(line.fields.back()));
    }
  }

  // Lines that stand for other lines. False if it is an ordinary one.
  bool included(RuleLine& line, int depth) {
    const auto word = [&](std::string_view keyword) {
      return line.fields.front().size() == 1 && line.fields.front().front().is(keyword);
    };
    const bool directory = word("include_dir");
    const bool optional = word("include_if_exists");
    if (!word("include") && !optional && !directory) return false;
    if (line.fields.size() != 2 || line.fields[1].size() != 1) {
      line.error = line.fields.front().front().text + " takes one name";
      return false;
    }
    const std::string path = beside(line.file, line.fields[1].front().text);
    std::vector<std::string> paths = {path};
    if (directory) {
      Result<std::vector<std::string>> listed = files_.list(path);
      if (!listed) {
        line.error = listed.error().message;
        return false;
      }
      paths = std::move(*listed);
    } else if (optional && !files_.exists(path)) {
      return true;
    }
    for (const std::string& one : paths) {
      const Status read = read_file(one, depth + 1);
      if (read.ok()) continue;
      line.error = read.error().message;
      return false;
    }
    return true;
  }

  const RuleFiles& files_;
  std::vector<RuleLine>& lines_;
};

Error system_error(const std::string& path, const std::error_code& code) {
  return {"\"" + path + "\" cannot be read: " + code.message()};
}

Result<std::string> read_from_disk(const std::string& path) {
  std::error_code code;
  if (std::filesystem::is_directory(path, code))
    return system_error(path, std::make_error_code(std::errc::is_a_directory));
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (!file) return system_error(path, {errno != 0 ? errno : EIO, std::generic_category()});
  return text;
}

Result<std::vector<std::string>> list_on_disk(const std::string& path) {
  std::error_code code;
  std::vector<std::string> names;
  for (std::filesystem::directory_iterator at(path, code), end; !code && at != end;
       at.increment(code)) {
    const std::string name = at->path().filename().string();
    if (name.ends_with(".conf") && !name.starts_with('.')) names.push_back(at->path().string());
  }
  if (code) return system_error(path, code);
  std::ranges::sort(names);
  return names;
}

}  // namespace

RuleFiles disk_files() {
  return {read_from_disk, list_on_disk, [](const std::string& path) {
            std::error_code code;
            return std::filesystem::exists(path, code);
          }};
}

Result<std::vector<RuleLine>> read_rule_lines(const std::string& path, const RuleFiles& files) {
  std::vector<RuleLine> lines;
  const Status read = LineReader(files, lines).read_file(path, 0);
  if (!read.ok()) return read.error();
  return lines;
}

}  // namespace pgsaba::auth
