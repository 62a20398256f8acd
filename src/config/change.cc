#include "pgsaba/config/change.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "cross_checks.h"
#include "pgsaba/config/problems.h"
#include "setting_value.h"
#include "settings_table.h"
#include "suggestion.h"

namespace pgsaba::config {
namespace {

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

}  // namespace

Change with_setting(const Config& config, std::string_view key, std::string_view value) {
  const Found place = find(key);
  const std::string name(key);
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
  const auto parsed = value_of(*place.setting, value);
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
