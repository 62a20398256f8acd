#include "migration/draft.h"

#include <algorithm>
#include <sstream>

namespace pgsaba::migration {
namespace {

constexpr std::size_t kLineWidth = 98;

bool is_plain(std::string_view text) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.' || c == '/';
  };
  if (text.empty() || text.front() == '-' || text == "null" || text == "~") return false;
  return std::ranges::all_of(text, plain);
}

void write_wrapped(std::string_view text, std::string_view prefix, std::string& out) {
  std::istringstream words{std::string(text)};
  std::string line(prefix);
  for (std::string word; words >> word;) {
    if (line.size() > prefix.size() && line.size() + 1 + word.size() > kLineWidth) {
      out += line + "\n";
      line = prefix;
    }
    line += " " + word;
  }
  out += line + "\n";
}

}  // namespace

std::string in_quotes(std::string_view text) {
  std::string out = "'";
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text.substr(at, 2) == "${") out += '$';
    out += text[at];
    if (text[at] == '\'') out += '\'';
  }
  return out + "'";
}

std::string scalar(std::string_view text) {
  return is_plain(text) ? std::string(text) : in_quotes(text);
}

std::string list_of(const std::vector<std::string>& items) {
  std::string out = "[";
  for (const std::string& item : items) out += (out.size() > 1 ? ", " : "") + scalar(item);
  return out + "]";
}

std::string FlowMap::text() const {
  std::string out = "{";
  for (const auto& [key, value] : pairs_) out += (out.size() > 1 ? ", " : "") + key + ": " + value;
  return out + "}";
}

std::vector<Draft::Line>& Draft::lines_of(const std::string& section) {
  for (auto& [name, lines] : sections_)
    if (name == section) return lines;
  return sections_.emplace_back(section, std::vector<Line>()).second;
}

void Draft::set(const std::string& section, const std::string& key, std::string value,
                const std::string& from) {
  std::vector<Line>& lines = lines_of(section);
  const auto same = std::ranges::find(lines, key, &Line::key);
  if (same == lines.end()) {
    lines.push_back({key, key + ": " + value, from});
  } else {
    same->text = key + ": " + value;
    same->from = from;
  }
}

void Draft::add(const std::string& section, std::string line, const std::string& from) {
  lines_of(section).push_back({{}, std::move(line), from});
}

void Draft::note(const Origin& origin, std::string_view why) { notes_.emplace_back(origin, why); }

bool Draft::has(const std::string& section, const std::string& key) const {
  for (const auto& [name, lines] : sections_)
    if (name == section) return std::ranges::find(lines, key, &Line::key) != lines.end();
  return false;
}

void Draft::write_section(const std::string& name, const std::vector<Line>& lines,
                          std::string& out) {
  out += name.empty() ? "\n" : "\n" + name + ":\n";
  const std::string_view indent = name.empty() ? "" : "  ";
  for (const Line& line : lines) {
    out += indent;
    out += line.text + (line.from.empty() ? "" : "  # " + line.from) + "\n";
  }
}

Migrated Draft::finish(std::string userlist) const {
  std::string out = head_;
  if (!warnings_.empty()) {
    out += "#\n# Look at these before you use it:\n";
    for (const std::string& warning : warnings_) write_wrapped(warning, "#  ", out);
  }
  for (const auto& [name, lines] : sections_)
    if (name.empty()) write_section(name, lines, out);
  for (const auto& [name, lines] : sections_)
    if (!name.empty()) write_section(name, lines, out);
  if (!notes_.empty()) out += "\n# What is not taken over as it was, and why:\n";
  for (const auto& [origin, why] : notes_) {
    out += "#\n# " + origin.place + ": " + origin.line + "\n";
    write_wrapped(why, "#    ", out);
  }
  return {std::move(out), std::move(userlist), warnings_};
}

}  // namespace pgsaba::migration
