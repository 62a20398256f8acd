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

// Where it listens, in PgBouncer's words; of several ports or directories the first.
void add_listeners(const Config& config, std::vector<ShowRow>& rows) {
  std::string addresses;
  const Listener* tcp = nullptr;
  const Listener* unix_socket = nullptr;
  for (const Listener& listener : config.listen) {
    const Listener*& first = listener.is_unix() ? unix_socket : tcp;
    if (first == nullptr) first = &listener;
    if (!listener.is_unix()) addresses += (addresses.empty() ? "" : ",") + listener.address;
  }
  const Listener* any = tcp != nullptr ? tcp : unix_socket;
  rows.push_back({"listen_addr", addresses, "", false});
  rows.push_back({"listen_port", any == nullptr ? "" : std::to_string(any->port), "6432", false});
  rows.push_back(
      {"unix_socket_dir", unix_socket == nullptr ? "" : unix_socket->unix_directory, "", false});
}

}  // namespace

std::vector<ShowRow> show(const Config& config) {
  std::vector<ShowRow> rows;
  rows.push_back({"conffile", config.path, "", false});
  add_listeners(config, rows);
  for (const Section& section : sections()) {
    if (!is_global(section)) continue;
    for (const Setting& setting : section.settings) {
      rows.push_back(row_of(section, setting, config));
    }
  }
  return rows;
}

}  // namespace pgsaba::config
