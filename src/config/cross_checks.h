// What can only be judged when the whole file has been read: references between sections, limits
// that contradict each other. Fills in what follows from other settings (the anonymous cluster of a
// database with a host, the names of servers, the default listener). Pure.
#pragma once

#include "config_builder.h"
#include "pgsaba/config/config.h"
#include "pgsaba/config/problems.h"

namespace pgsaba::config {

void complete(Config& config, const Places& places);
void check_listeners(const Config& config, const Places& places, Problems& problems);
void check_peers(const Config& config, const Places& places, Problems& problems);
void check_clusters(const Config& config, const Places& places, Problems& problems);
void check_databases(const Config& config, const Places& places, Problems& problems);
void check_login(const Config& config, const Places& places, Problems& problems);
void check_tls(const Config& config, const Places& places, Problems& problems);
void check_routing(const Config& config, const Places& places, Problems& problems);
void check_limits(const Config& config, const Places& places, Problems& problems);

}  // namespace pgsaba::config
