#include "tables.h"

#include <map>

#include "columns.h"
#include "table_rows.h"

namespace pgsaba::admin {
namespace {

using RowsOf = Rows (*)(const ConsolePicture& picture);

RowsOf rows_of(Subject subject) {
  switch (subject) {
    case Subject::kPools:
      return pool_rows;
    case Subject::kServerPools:
      return server_pool_rows;
    case Subject::kClients:
      return client_rows;
    case Subject::kServers:
      return server_rows;
    case Subject::kPins:
      return pin_rows;
    case Subject::kPinTotals:
      return pin_total_rows;
    case Subject::kPrepared:
      return prepared_rows;
    case Subject::kSockets:
      return socket_rows;
    case Subject::kActiveSockets:
      return active_socket_rows;
    case Subject::kDatabases:
      return database_rows;
    case Subject::kUsers:
      return user_rows;
    case Subject::kConfig:
      return config_rows;
    case Subject::kTopology:
      return topology_rows;
    case Subject::kRoutes:
      return route_rows;
    case Subject::kHba:
      return hba_rows;
    case Subject::kStats:
      return stats_rows;
    case Subject::kStatsTotals:
      return stats_totals_rows;
    case Subject::kStatsAverages:
      return stats_averages_rows;
    case Subject::kTotals:
      return totals_rows;
    case Subject::kLists:
      return list_rows;
    case Subject::kMem:
      return memory_rows;
    case Subject::kDnsHosts:
      return dns_host_rows;
    case Subject::kState:
      return state_rows;
    case Subject::kVersion:
      return version_rows;
    case Subject::kWaits:
      return wait_rows;
    case Subject::kPeers:
      return peer_rows;
    case Subject::kPeerPools:
      return peer_pool_rows;
    case Subject::kDnsZones:  // we follow names, not zones
    case Subject::kHelp:
    case Subject::kFds:
      break;
  }
  return no_rows;
}

}  // namespace

const std::vector<Column>& columns_of(Subject subject) {
  static const auto all = [] {
    std::map<Subject, std::vector<Column>> columns;
    for (const SubjectName& entry : subject_names()) {
      columns[entry.subject] = make_columns(entry.subject);
    }
    return columns;
  }();
  return all.at(subject);
}

stats::Detail detail_for(Subject subject) {
  switch (subject) {
    case Subject::kActiveSockets:
    case Subject::kClients:
    case Subject::kPins:
    case Subject::kSockets:
    case Subject::kWaits:
      return stats::Detail::kClients;
    case Subject::kDatabases:
    case Subject::kLists:
    case Subject::kPrepared:
    case Subject::kServers:
    case Subject::kUsers:
      return stats::Detail::kServers;
    default:
      return stats::Detail::kSums;
  }
}

ResultTable build_table(Subject subject, const ConsolePicture& picture) {
  return {columns_of(subject), rows_of(subject)(picture)};
}

}  // namespace pgsaba::admin
