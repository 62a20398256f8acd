#include "subject.h"

#include <array>
#include <string>

#include "text.h"

namespace pgsaba::admin {
namespace {

constexpr std::array kNames = {
    SubjectName{"ACTIVE_SOCKETS", Subject::kActiveSockets},
    SubjectName{"CLIENTS", Subject::kClients},
    SubjectName{"CONFIG", Subject::kConfig},
    SubjectName{"DATABASES", Subject::kDatabases},
    SubjectName{"DNS_HOSTS", Subject::kDnsHosts},
    SubjectName{"DNS_ZONES", Subject::kDnsZones},
    SubjectName{"FDS", Subject::kFds},
    SubjectName{"HBA", Subject::kHba},
    SubjectName{"HELP", Subject::kHelp},
    SubjectName{"LISTS", Subject::kLists},
    SubjectName{"MEM", Subject::kMem},
    SubjectName{"PEERS", Subject::kPeers},
    SubjectName{"PEER_POOLS", Subject::kPeerPools},
    SubjectName{"PINS", Subject::kPins},
    SubjectName{"PIN_TOTALS", Subject::kPinTotals},
    SubjectName{"POOLS", Subject::kPools},
    SubjectName{"PREPARED", Subject::kPrepared},
    SubjectName{"ROUTES", Subject::kRoutes},
    SubjectName{"SERVERS", Subject::kServers},
    SubjectName{"SERVER_POOLS", Subject::kServerPools},
    SubjectName{"SOCKETS", Subject::kSockets},
    SubjectName{"STATE", Subject::kState},
    SubjectName{"STATS", Subject::kStats},
    SubjectName{"STATS_AVERAGES", Subject::kStatsAverages},
    SubjectName{"STATS_TOTALS", Subject::kStatsTotals},
    SubjectName{"TOPOLOGY", Subject::kTopology},
    SubjectName{"TOTALS", Subject::kTotals},
    SubjectName{"USERS", Subject::kUsers},
    SubjectName{"VERSION", Subject::kVersion},
    SubjectName{"WAITS", Subject::kWaits},
};

std::string usage_text() {
  std::string shows = "\n\tSHOW ";
  std::size_t line_bytes = 0;
  for (const SubjectName& entry : kNames) {
    if (line_bytes > 60) {
      shows += "\n\t     ";
      line_bytes = 0;
    }
    shows += entry.name;
    shows += entry.subject == kNames.back().subject ? "" : "|";
    line_bytes += entry.name.size() + 1;
  }
  return shows +
         "\n\tEXPLAIN ROUTE [FOR database] 'statement'"
         "\n\t                      where it would run, and why"
         "\n\tPAUSE [database]      no new transactions; returns once the running ones have ended"
         "\n\tRESUME [database]"
         "\n\tRECONNECT [database]  replace every server connection as soon as it is free"
         "\n\tWAIT_CLOSE [database] returns once RECONNECT has replaced them all"
         "\n\tKILL [database]       drop all connections and pause"
         "\n\tKILL_CLIENT id        drop one client, by its id of SHOW CLIENTS"
         "\n\tDISABLE database      refuse new clients"
         "\n\tENABLE database"
         "\n\tDISABLE SERVER name [IN cluster]"
         "\n\t                      a standby gets nothing new; what runs there may end"
         "\n\tENABLE SERVER name [IN cluster]"
         "\n\tSWITCHOVER TO name [IN cluster]"
         "\n\t                      make a standby the primary, while clients wait"
         "\n\tSET key = value       until the next RELOAD"
         "\n\tRELOAD                read the configuration again"
         "\n\tUPGRADE               let a new process take over, with all clients"
         "\n\tSUSPEND"
         "\n\tSHUTDOWN [WAIT_FOR_SERVERS|WAIT_FOR_CLIENTS]";
}

}  // namespace

std::span<const SubjectName> subject_names() { return kNames; }

std::optional<Subject> subject_named(std::string_view name) {
  for (const SubjectName& entry : kNames) {
    if (same_word(entry.name, name)) return entry.subject;
  }
  return std::nullopt;
}

std::string_view console_usage() {
  static const std::string usage = usage_text();
  return usage;
}

}  // namespace pgsaba::admin
