// Picture: all that the control thread tells the workers about the world, as one immutable value
// that is swapped between two turns. Any thread may read it.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pgsaba/auth/host_access.h"
#include "pgsaba/auth/userlist.h"
#include "pgsaba/config/config.h"
#include "pgsaba/net/address.h"
#include "pgsaba/net/tls.h"
#include "pgsaba/pool/pool_key.h"
#include "pgsaba/routing/definitions.h"
#include "pgsaba/routing/topology.h"

namespace pgsaba::worker {

// Where the addresses of peers stand among those of clusters, in the order of Config::peers; no
// cluster is called so.
inline constexpr std::string_view kPeerAddresses = "peers:";

struct Picture {
  std::uint64_t generation = 1;
  std::shared_ptr<const config::Config> config;
  std::shared_ptr<const auth::UserList> users;
  std::shared_ptr<const auth::UserList> previous_users = std::make_shared<auth::UserList>();
  std::shared_ptr<const auth::HostAccess> host_access;     // null: auth.type needs no rules
  std::shared_ptr<const auth::HostAccess> console_access;  // null: the same as for everybody
  // To clients (null: no TLS is offered), and to servers by cluster (none: none is asked for).
  std::shared_ptr<const net::TlsContext> client_tls;
  std::shared_ptr<const net::TlsContext> http_tls;  // the control thread's
  std::map<std::string, std::shared_ptr<const net::TlsContext>, std::less<>> server_tls;
  std::shared_ptr<const routing::Topology> topology;
  // All addresses of each server, by cluster, in the order of its servers; none while a name could
  // not be looked up.
  std::map<std::string, std::vector<std::vector<net::Address>>, std::less<>> addresses;
  // Servers of which that is not known yet, by cluster and index: their first look-up goes on.
  std::set<std::pair<std::string, std::size_t>> looking_up;
  // What is known of the databases' own objects, as far as their reads are split.
  std::map<routing::DatabaseName, routing::Catalogue> catalogues;
  std::set<std::string, std::less<>> paused;    // databases
  std::set<std::string, std::less<>> disabled;  // databases
  bool all_paused = false;
  // Another process serves clients of the same databases: nothing is known of what they write, so
  // that nothing is read on standbys that need not be.
  bool shared = false;
  std::set<std::string, std::less<>> switching;  // clusters whose primary is being exchanged
  // Servers that get nothing new while they are standbys: cluster and name.
  std::set<std::pair<std::string, std::string>> disabled_servers;

  // Roles and positions may differ.
  bool same_for_pools(const Picture& other) const {
    return config == other.config && users == other.users && server_tls == other.server_tls &&
           addresses == other.addresses && paused == other.paused &&
           all_paused == other.all_paused && switching == other.switching &&
           disabled_servers == other.disabled_servers;
  }
  bool same_catalogues(const Picture& other) const {
    return std::ranges::equal(catalogues, other.catalogues, [](const auto& one, const auto& two) {
      return one.first == two.first && one.second.rules == two.second.rules &&
             one.second.covers == two.second.covers &&
             one.second.reads_sequences == two.second.reads_sequences;
    });
  }
  bool is_switching(std::string_view database) const {
    if (switching.empty()) return false;
    const config::DatabaseSettings* found = config::find_database(*config, database);
    return found != nullptr && switching.contains(found->cluster);
  }
  bool is_paused(std::string_view database) const {
    return all_paused || paused.contains(database) || is_switching(database);
  }
};

// The pool's server was disabled by the administrator.
bool is_disabled(const Picture& picture, const pool::PoolKey& key);

}  // namespace pgsaba::worker
