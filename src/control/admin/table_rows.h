// The rows of each family of tables, private to tables.cc. Any thread; no state.
#pragma once

#include <vector>

#include "picture.h"
#include "result_table.h"

namespace pgsaba::admin {

using Rows = std::vector<Row>;

// table_pools.cc
Rows pool_rows(const ConsolePicture& picture);         // one a database and user
Rows server_pool_rows(const ConsolePicture& picture);  // one a database, user and server

// table_connections.cc
Rows client_rows(const ConsolePicture& picture);
Rows server_rows(const ConsolePicture& picture);
Rows pin_rows(const ConsolePicture& picture);
Rows socket_rows(const ConsolePicture& picture);
Rows active_socket_rows(const ConsolePicture& picture);

// table_waits.cc
Rows wait_rows(const ConsolePicture& picture);  // the longest wait first

// table_catalogue.cc
Rows database_rows(const ConsolePicture& picture);
Rows user_rows(const ConsolePicture& picture);
Rows config_rows(const ConsolePicture& picture);

// table_peers.cc
Rows peer_rows(const ConsolePicture& picture);
Rows peer_pool_rows(const ConsolePicture& picture);

// table_topology.cc
Rows topology_rows(const ConsolePicture& picture);

// table_routes.cc
Rows route_rows(const ConsolePicture& picture);  // one a database, route and reason

// table_pin_totals.cc
Rows pin_total_rows(const ConsolePicture& picture);  // one a database and reason

// table_hba.cc
Rows hba_rows(const ConsolePicture& picture);

// table_prepared.cc
Rows prepared_rows(const ConsolePicture& picture);

// table_stats.cc
Rows stats_rows(const ConsolePicture& picture);
Rows stats_totals_rows(const ConsolePicture& picture);
Rows stats_averages_rows(const ConsolePicture& picture);
Rows totals_rows(const ConsolePicture& picture);

// table_process.cc
Rows list_rows(const ConsolePicture& picture);
Rows memory_rows(const ConsolePicture& picture);
Rows dns_host_rows(const ConsolePicture& picture);
Rows state_rows(const ConsolePicture& picture);
Rows version_rows(const ConsolePicture& picture);
Rows no_rows(const ConsolePicture& picture);

}  // namespace pgsaba::admin
