#include "pgsaba/config/show.h"

#include "pgbouncer_keys.h"
#include "setting_value.h"
#include "settings_table.h"

namespace pgsaba::config {
namespace {

// Whether there is a secret is none.
std::string shown(const Setting& setting, const Value& value) {
  const auto* text = std::get_if<std::string>(&value);
  if (text != nullptr && text->empty()) return {};
  return setting.pgbouncer.empty() ? format_value(setting, value)
                                   : format_pgbouncer(setting, value);
}

ShowRow row_of(const Section& section, const Setting& setting, const Config& config) {
  return {setting.pgbouncer.empty() ? key_of(section, setting) : std::string(setting.pgbouncer),
          shown(setting, setting.access.load(&config)),
          shown(setting, setting.access.load(section.defaults)),
          setting.changeable != Changeable::kStart};
}

}  // namespace

std::vector<ShowRow> show(const Config& config) {
  std::vector<ShowRow> rows;
  const Config initial;
  for (const PgbouncerKey& key : pgbouncer_keys())
    rows.push_back(
        {std::string(key.name), value_of(key, config), value_of(key, initial), key.changeable});
  for (const Section& section : sections()) {
    if (!is_global(section)) continue;
    for (const Setting& setting : section.settings) {
      rows.push_back(row_of(section, setting, config));
    }
  }
  return rows;
}

}  // namespace pgsaba::config
