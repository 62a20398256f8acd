// The rows of SHOW CONFIG. A setting that PgBouncer has too appears under PgBouncer's name and in
// its notation (times as seconds, booleans as 0 and 1), because exporters read them; the others are
// called section.name. What PgBouncer has and we say otherwise appears as well, in front. A secret
// is shown as ***. Pure; any thread.
#pragma once

#include <string>
#include <vector>

#include "pgsaba/config/config.h"

namespace pgsaba::config {

struct ShowRow {
  std::string key;
  std::string value;
  std::string default_value;
  bool changeable = false;  // by a reload
};

std::vector<ShowRow> show(const Config& config);

}  // namespace pgsaba::config
