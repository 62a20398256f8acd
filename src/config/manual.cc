#include "documents.h"
#include "pgbouncer_keys.h"
#include "setting_value.h"
#include "settings_table.h"

namespace pgsaba::config {
namespace {

constexpr std::string_view kHead = R"(.TH PGSABA.YAML 5 "" pgsaba "File formats"
.SH NAME
pgsaba.yaml \- settings of the PostgreSQL pooler pgsaba
.SH DESCRIPTION
The file is YAML: a map of the sections below.
.B pgsaba check
.I FILE
reports everything that is wrong with it, with file and line.
An unknown key, a key that is set twice and a value that does not fit are errors.
At start pgsaba refuses a file with an error; at a reload it keeps its old settings.
.SS Values
Durations have a unit: us, ms, s, min, h or d; a bare number is seconds.
A time limit of 0 is no limit, unless its text says otherwise.
Sizes have a unit: B, kB, MB, GB or TB, in powers of 1024 (KiB, MiB, GiB and TiB are the same).
.PP
.BI ${ NAME }
in a value stands for the content of an environment variable; it is an error if the variable is
not set.
A literal ${ is written $${.
.PP
Paths are relative to the directory of the file they stand in.
.SS Included files
.B include
is a file, a pattern such as conf.d/*.yaml, or a list of them.
A section that is a map may be continued in another file, but nothing may be set twice.
.SS Precedence
What a user's entry says beats the database's entry, which beats pool, timeouts and limits.
.SH SETTINGS
)";

constexpr std::string_view kTail = R"(.SH EXAMPLE
.nf
listen:
  \- {address: 127.0.0.1, port: 6432}
clusters:
  main:
    servers:
      \- {name: main\-01, host: 10.0.0.11}
      \- {name: main\-02, host: 10.0.0.12}
databases:
  shop: {cluster: main, route: split, pool_size: 20}
auth: {type: scram\-sha\-256, file: userlist.txt}
.fi
.SH SEE ALSO
.BR pgsaba (1),
.BR pgsaba\-console (7),
.BR pgsaba\-routing (7)
)";

// Text for troff: no accidental escapes or requests.
std::string escaped(std::string_view text) {
  std::string out;
  if (text.starts_with('.') || text.starts_with('\'')) out += "\\&";
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else if (c == ':' && at + 1 < text.size() && text[at + 1] != ' ') {
      out += ":\\:";  // a line may be broken here, in lists of ciphers
    } else {
      out += c;
    }
  }
  return out;
}

std::string type_of(const Setting& setting) {
  switch (setting.kind) {
    case Kind::kBoolean:
      return "true or false";
    case Kind::kInteger:
      return "number";
    case Kind::kAutoInteger:
      return "number or auto";
    case Kind::kOctal:
      return "octal number";
    case Kind::kDuration:
      return "duration";
    case Kind::kSize:
      return "size";
    case Kind::kStringList:
      return "list of names";
    case Kind::kPath:
    case Kind::kSecretFile:
      return "path";
    case Kind::kString:
    case Kind::kSecret:
      return "text";
    case Kind::kChoice:
      break;
  }
  std::string words;
  for (const std::string_view choice : setting.choices) {
    words += (words.empty() ? "" : " | ") + std::string(choice);
  }
  return words;
}

std::string range_of(const Setting& setting) {
  const bool numeric = setting.kind == Kind::kInteger || setting.kind == Kind::kSize ||
                       setting.kind == Kind::kDuration;
  const bool usual =
      setting.minimum == 0 && (setting.maximum == kMaxCount || setting.maximum == kMaxDuration);
  if (!numeric || usual) return {};
  return ", " + format_value(setting, Value(setting.minimum)) + " to " +
         format_value(setting, Value(setting.maximum));
}

std::string default_of(const Section& section, const Setting& setting) {
  const Value value = setting.access.load(section.defaults);
  if (std::holds_alternative<std::monostate>(value)) return ", inherited";
  const std::string text = format_value(setting, value);
  if (text.empty() || text == "***" || text == "[]") return {};
  return ", default " + text;
}

std::string_view change_of(const Setting& setting) {
  switch (setting.changeable) {
    case Changeable::kStart:
      return " Changing it needs a restart.";
    case Changeable::kReconnect:
      return " A change replaces the open server connections.";
    case Changeable::kReload:
      break;
  }
  return {};
}

void write_setting(const Section& section, const Setting& setting, std::string& out) {
  out += ".TP\n.BR " + escaped(setting.name) + " \" (" +
         escaped(type_of(setting) + range_of(setting) + default_of(section, setting)) + ")\"\n";
  out += escaped(setting.help) + escaped(change_of(setting)) + "\n";
  if (!setting.pgbouncer.empty() && setting.pgbouncer != setting.name) {
    out += "PgBouncer calls it " + escaped(setting.pgbouncer);
    if (setting.kind == Kind::kDuration && setting.pgbouncer_unit_us == kMillisecond)
      out += ", in milliseconds";
    out += ".\n";
  }
  for (const PgbouncerKey& key : pgbouncer_keys()) {
    if (key.source == key_of(section, setting) && key.name != setting.pgbouncer)
      out += "SHOW CONFIG also has it as PgBouncer's " + escaped(key.name) + ".\n";
  }
}

void write_fixed_keys(std::string& out) {
  out +=
      ".SS PgBouncer's settings that are always the same here\n"
      "SHOW CONFIG has them for those who look for them.\n";
  for (const PgbouncerKey& key : pgbouncer_keys()) {
    if (!key.source.empty() || key.value != nullptr) continue;
    out += ".TP\n.BR " + escaped(key.name) +
           (key.fixed.empty() ? std::string() : " \" (" + escaped(key.fixed) + ")\"") + "\n" +
           escaped(key.why) + "\n";
  }
}

}  // namespace

std::string manual_text() {
  std::string out(kHead);
  for (const Section& section : sections()) {
    const std::string title = section.path.empty() ? "top level" : std::string(section.path);
    out += ".SS " + escaped(title) + "\n" + escaped(section.title) + "\n";
    for (const Setting& setting : section.settings) write_setting(section, setting, out);
  }
  write_fixed_keys(out);
  return out.append(kTail);
}

}  // namespace pgsaba::config
