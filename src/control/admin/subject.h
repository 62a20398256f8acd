// Subject: what SHOW can show. Any thread; values.
// Names of the tables that PgBouncer has are its names; the others are ours.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace pgsaba::admin {

enum class Subject : std::uint8_t {
  kActiveSockets,
  kClients,
  kConfig,
  kDatabases,
  kDnsHosts,
  kDnsZones,
  kFds,
  kHba,
  kHelp,
  kLists,
  kMem,
  kPeerPools,
  kPeers,
  kPinTotals,
  kPins,
  kPools,
  kPrepared,
  kRoutes,
  kServerPools,
  kServers,
  kSockets,
  kState,
  kStats,
  kStatsAverages,
  kStatsTotals,
  kTopology,
  kTotals,
  kUsers,
  kVersion,
  kWaits,
};

struct SubjectName {
  std::string_view name;  // in capitals
  Subject subject;
};
std::span<const SubjectName> subject_names();

// Whatever its case.
std::optional<Subject> subject_named(std::string_view name);

// The text of SHOW HELP.
std::string_view console_usage();

}  // namespace pgsaba::admin
