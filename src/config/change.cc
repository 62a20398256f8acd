#include "pgsaba/config/change.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "cross_checks.h"
#include "pgbouncer_keys.h"
#include "pgsaba/config/problems.h"
#include "setting_value.h"
#include "settings_table.h"
#include "suggestion.h"

namespace pgsaba::config {
namespace {

std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (char& c : lower)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return lower;
}

struct Found {
  const Section* section = nullptr;
  const Setting* setting = nullptr;
};

Found find(std::string_view key) {
  for (const Section& section : sections()) {
    if (!is_global(section)) continue;
    for (const Setting& setting : section.settings)
      if (setting.pgbouncer == key || key_of(section, setting) == key) return {&section, &setting};
  }
  return {};
}

std::string hint_for(std::string_view key) {
  std::vector<std::string> names;
  for (const Section& section : sections()) {
    if (!is_global(section)) continue;
    for (const Setting& setting : section.settings) {
      names.push_back(key_of(section, setting));
      if (!setting.pgbouncer.empty()) names.emplace_back(setting.pgbouncer);
    }
  }
  for (const PgbouncerKey& known : pgbouncer_keys()) names.emplace_back(known.name);
  const std::string_view near = nearest(key, {names.begin(), names.end()});
  return near.empty() ? "SHOW CONFIG lists them." : "did you mean " + std::string(near) + "?";
}

// Files that belong together are read together, all or none; and what clusters take over of
// server_tls is settled when their own settings are read. Only the log is opened anew by a change.
bool comes_with_files(const Section& section, const Setting& setting) {
  return section.path == "server_tls" || (setting.kind == Kind::kPath && section.path != "log");
}

// Those who type them have them in history files; whoever looks at the log would have them, too.
bool is_secret(const Setting& setting) {
  return setting.kind == Kind::kSecret || setting.kind == Kind::kSecretFile;
}

Result<Value> value_of(const Setting& setting, std::string_view text) {
  if (setting.kind != Kind::kStringList) return parse_value(setting, text, text);
  std::vector<std::string> items;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(','), text.size());
    std::string_view item = text.substr(0, end);
    while (item.starts_with(' ')) item.remove_prefix(1);
    while (item.ends_with(' ')) item.remove_suffix(1);
    if (!item.empty()) items.emplace_back(item);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return Value(std::move(items));
}

Change refused(ChangeRefusal why, std::string message, std::string hint) {
  return {nullptr, why, Error{std::move(message), std::move(hint)}};
}

// What PgBouncer has under that name, and we under another or not at all.
Change with_pgbouncer_key(const Config& config, const PgbouncerKey& key, std::string_view value) {
  const std::string name(key.name);
  const std::string source(key.source);
  if (source.empty())
    return refused(ChangeRefusal::kNotNow, "setting \"" + name + "\" cannot be changed",
                   std::string(key.why));
  if (key.translated == nullptr && key.changeable)
    return refused(ChangeRefusal::kNotNow, "setting \"" + name + "\" is called otherwise here",
                   "See " + source + " in SHOW CONFIG.");
  if (key.translated == nullptr)
    return refused(ChangeRefusal::kNotNow, "setting \"" + name + "\" is changed only at start",
                   "Change " + source + " in " + config.path + " and start pgsaba anew.");
  const auto word = key.translated(value);
  if (!word)
    return refused(ChangeRefusal::kBadValue,
                   name + ": '" + std::string(value) + "' is not a number", "");
  return with_setting(config, source, *word);
}

}  // namespace

// Keys are all in small letters, and written in others by whoever is used to PostgreSQL.
Change with_setting(const Config& config, std::string_view written, std::string_view value) {
  const std::string key = lower_case(written);
  if (const PgbouncerKey* known = find_pgbouncer_key(key))
    return with_pgbouncer_key(config, *known, value);
  const Found place = find(key);
  const std::string& name = key;
  if (place.setting == nullptr)
    return refused(ChangeRefusal::kUnknown, "unrecognized setting \"" + name + "\"", hint_for(key));
  if (place.setting->changeable == Changeable::kStart)
    return refused(ChangeRefusal::kNotNow, "setting \"" + name + "\" is changed only at start",
                   "Change it in " + config.path + " and start pgsaba anew.");
  if (comes_with_files(*place.section, *place.setting))
    return refused(ChangeRefusal::kNotNow, "setting \"" + name + "\" is read with its files",
                   "Change it in " + config.path + " and give RELOAD.");
  if (is_secret(*place.setting))
    return refused(ChangeRefusal::kNotNow,
                   "setting \"" + name + "\" is a secret, not for a console",
                   "Change it in " + config.path + " and give RELOAD.");
  const bool as_in_pgbouncer = key == place.setting->pgbouncer;
  const auto parsed = value_of(
      *place.setting, as_in_pgbouncer ? with_unit(*place.setting, value) : std::string(value));
  if (!parsed)
    return refused(ChangeRefusal::kBadValue, name + ": " + parsed.error().message,
                   parsed.error().hint);
  auto changed = std::make_shared<Config>(config);
  place.setting->access.store(Record(changed.get()), *parsed);
  Problems problems;
  check_login(*changed, {}, problems);
  check_tls(*changed, {}, problems);
  check_routing(*changed, {}, problems);
  if (problems.has_errors()) {
    const auto all = problems.take();
    const Problem& problem = *std::ranges::find(all, Severity::kError, &Problem::severity);
    return refused(ChangeRefusal::kBadValue, problem.message, problem.hint);
  }
  return {std::move(changed), {}, {}};
}

}  // namespace pgsaba::config
