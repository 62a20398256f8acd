// Topology: the picture of every cluster's servers that routing decides upon.
// Built by the control thread's monitor, published as shared_ptr<const Topology>; readable by any
// thread, never changed after publication. Servers stand in the order of the configuration, so an
// index means the same server there and here; the addresses that are connected to stay with those
// who connect.
// LSNs are byte positions; lags are bytes and microseconds; timeline 0 and system identifier 0 mean
// not known.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pgsaba/base/clock.h"

namespace pgsaba::routing {

enum class ServerRole : std::uint8_t { kUnknown, kPrimary, kStandby };

// Why a cluster has a primary, or has none.
enum class PrimaryState : std::uint8_t {
  kUnknown,        // no server has told its role yet
  kElected,        // exactly one server claims it on the highest timeline
  kUnreachable,    // the last one elected does not answer, and nobody else claims it
  kNone,           // all that answer are in recovery
  kStrangers,      // the same, but for servers of another system identifier
  kNoAnswer,       // there was none when servers last answered, and now none does
  kTwoClaimants,   // two accept writes on one timeline: neither gets any
  kStaleClaimant,  // the only claimant is on a timeline that was left before
};

struct TopologyServer {
  std::string name;
  ServerRole role = ServerRole::kUnknown;  // kPrimary for the elected one only
  bool reachable = false;                  // the last probe was answered
  bool silent = false;                     // the last probe had no answer at all in its time
  bool accepts_writes = false;             // not in recovery, elected or not, when last heard of
  bool streaming = false;                  // a standby whose WAL receiver runs
  bool disabled = false;                   // by the administrator: as a standby it serves nobody
  std::uint32_t timeline = 0;
  std::uint64_t system_identifier = 0;
  std::int64_t started_at_us = 0;  // server's start on its own clock: another value, another life
  std::uint64_t lsn = 0;           // primary: insert position; standby: replayed position
  std::optional<std::uint64_t> replay_lag_bytes = {};
  std::optional<Micros> replay_lag_time = {};
  // Its place is what the configuration says; the address is where it answered last, as text.
  std::string host = {};
  std::uint16_t port = 0;
  std::string address = {};
  std::uint64_t number = 0;  // another number: another server, whatever its name

  bool stands_at_place_of(const TopologyServer& other) const {
    return host == other.host && port == other.port;
  }
  bool operator==(const TopologyServer&) const = default;
};

struct TopologyCluster {
  std::string name;
  std::vector<TopologyServer> servers;
  PrimaryState primary_state = PrimaryState::kUnknown;
  std::optional<std::size_t> primary = {};  // index into servers
  std::uint64_t system_identifier = 0;      // of the cluster; others are strangers
  std::uint32_t highest_timeline = 0;       // ever seen; a claimant below it is stale
  std::uint64_t number = 0;                 // another number: maybe another PostgreSQL cluster
  bool asking = false;                      // some servers have not had the time to answer yet

  // It was taken for one of this cluster, so that the identifier is known by it.
  bool is_known_by(const TopologyServer& server) const {
    return server.role != ServerRole::kUnknown ||
           (server.started_at_us != 0 && server.system_identifier == system_identifier);
  }
  // It answers, and is another PostgreSQL cluster's.
  bool is_stranger(const TopologyServer& server) const;
  bool operator==(const TopologyCluster&) const = default;
};

struct Topology {
  std::uint64_t generation = 0;  // grows with every publication
  std::vector<TopologyCluster> clusters;
  std::uint64_t last_number = 0;  // of those that were given to servers and clusters

  const TopologyCluster* find(std::string_view cluster) const;
};

// Decides roles and primary from what the servers said (reachable, accepts_writes, streaming,
// timeline, system_identifier). The primary is not in recovery and on the highest timeline of the
// cluster's system identifier. A primary that only stopped answering stays elected as kUnreachable:
// a failing probe alone must not stop writes that may still get through.
void elect_primary(TopologyCluster& cluster);

std::string_view text_of(ServerRole role);
std::string_view text_of(PrimaryState state);

}  // namespace pgsaba::routing
