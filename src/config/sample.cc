#include <sstream>

#include "documents.h"
#include "setting_value.h"
#include "settings_table.h"

namespace pgsaba::config {
namespace {

constexpr std::size_t kLineWidth = 98;
constexpr std::string_view kHead =
    R"(# pgsaba: every setting with its default. A line that starts with '#' changes nothing.
#
# Durations: us, ms, s, min, h, d; a bare number is seconds. Sizes: B, kB, MB, GB (times 1024).
# ${NAME} in a value is the environment variable NAME; a literal ${ is written $${.
# Paths are relative to the file they stand in. Other files may be included:
#include: [conf.d/*.yaml]
)";

// The text as comment lines that start with `prefix`, all but the first indented by `hang` more.
std::string wrapped(std::string_view text, const std::string& prefix,
                    const std::string& hang = {}) {
  std::istringstream words{std::string(text)};
  std::string lines;
  std::string line = prefix;
  for (std::string word; words >> word;) {
    if (line.size() > prefix.size() + hang.size() && line.size() + 1 + word.size() > kLineWidth) {
      lines += line + "\n";
      line = prefix + hang;
    }
    line += (line.ends_with(' ') ? "" : " ") + word;
  }
  return lines + line + "\n";
}

std::string yaml_of(const Setting& setting, const Value& value) {
  const std::string text = format_value(setting, value);
  return text.empty() ? "\"\"" : text;
}

void write_defaults(const Section& section, const std::string& indent, std::string& out) {
  for (const Setting& setting : section.settings) {
    std::string note(setting.help);
    if (setting.changeable == Changeable::kStart) note += " (at start only)";
    out += wrapped(note, indent + "#");
    out += indent + "#" + std::string(setting.name) + ": " +
           yaml_of(setting, setting.access.load(section.defaults)) + "\n";
  }
}

void write_explanations(const Section& section, std::string& out) {
  for (const Setting& setting : section.settings) {
    out += wrapped(std::string(setting.name) + ": " + std::string(setting.help), "#  ", "    ");
  }
}

void write_section(const Section& section, std::string& out) {
  out += "\n" + wrapped(section.title, "#");
  if (section.path.empty()) {
    write_defaults(section, "", out);
  } else if (section.example.empty() && is_global(section)) {
    out += std::string(section.path) + ":\n";
    write_defaults(section, "  ", out);
  } else {
    write_explanations(section, out);
    out += section.example;
  }
}

}  // namespace

std::string sample_text() {
  std::string out(kHead);
  for (const Section& section : sections()) write_section(section, out);
  return out;
}

}  // namespace pgsaba::config
