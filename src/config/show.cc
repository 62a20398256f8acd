#include "pgsaba/config/show.h"

#include "setting_value.h"
#include "settings_table.h"

namespace pgsaba::config {
namespace {

ShowRow row_of(const Section& section, const Setting& setting, const Config& config) {
  const Value value = setting.access.load(&config);
  const Value initial = setting.access.load(section.defaults);
  const bool changeable = setting.changeable != Changeable::kStart;
  if (setting.pgbouncer.empty()) {
    return {key_of(section, setting), format_value(setting, value), format_value(setting, initial),
            changeable};
  }
  return {std::string(setting.pgbouncer), format_pgbouncer(setting, value),
          format_pgbouncer(setting, initial), changeable};
}

}  // namespace

std::vector<ShowRow> show(const Config& config) {
  std::vector<ShowRow> rows;
  rows.push_back({"conffile", config.path, "", false});
  for (const Section& section : sections()) {
    if (!is_global(section)) continue;
    for (const Setting& setting : section.settings) {
      rows.push_back(row_of(section, setting, config));
    }
  }
  return rows;
}

}  // namespace pgsaba::config
