// What a server lacks for its next client: the difference of the parameters of two sessions.
#include "pgsaba/server/settings.h"

#include "part.h"

namespace bench {
namespace {

using pgsaba::server::Settings;
using pgsaba::server::SettingsRef;

Settings usual(const std::string& work_mem) {
  return {{"application_name", "shop"},
          {"statement_timeout", "5s"},
          {"timezone", "Europe/Berlin"},
          {"work_mem", work_mem}};
}

Part comparing(std::string name, const Settings& from, const Settings& to) {
  return part(std::move(name), [from = std::make_shared<const Settings>(from),
                                to = std::make_shared<const Settings>(to)] {
    keep(from);
    keep(to);
    keep(pgsaba::server::difference(from, to));
  });
}

}  // namespace

void add_settings(Parts& parts) {
  parts.push_back(comparing("server/settings-none", usual("4MB"), usual("4MB")));
  parts.push_back(comparing("server/settings-one", usual("4MB"), usual("64MB")));
}

}  // namespace bench
