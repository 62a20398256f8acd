// Picture: all that the control thread tells the workers about the world, as one immutable value
// that is swapped between two turns. Any thread may read it.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "pgsaba/auth/host_access.h"
#include "pgsaba/auth/userlist.h"
#include "pgsaba/config/config.h"
#include "pgsaba/net/address.h"
#include "pgsaba/net/tls.h"
#include "pgsaba/routing/topology.h"

namespace pgsaba::worker {

struct Picture {
  std::uint64_t generation = 1;
  std::shared_ptr<const config::Config> config;
  std::shared_ptr<const auth::UserList> users;
  std::shared_ptr<const auth::HostAccess> host_access;  // null: auth.type is not hba
  // To clients (null: no TLS is offered), and to servers by cluster (none: none is asked for).
  std::shared_ptr<const net::TlsContext> client_tls;
  std::map<std::string, std::shared_ptr<const net::TlsContext>, std::less<>> server_tls;
  std::shared_ptr<const routing::Topology> topology;
  // All addresses of each server, by cluster, in the order of its servers; none while a name could
  // not be looked up.
  std::map<std::string, std::vector<std::vector<net::Address>>, std::less<>> addresses;
  std::set<std::string, std::less<>> paused;    // databases
  std::set<std::string, std::less<>> disabled;  // databases
  bool all_paused = false;

  // Roles and positions may differ.
  bool same_for_pools(const Picture& other) const {
    return config == other.config && users == other.users && server_tls == other.server_tls &&
           addresses == other.addresses && paused == other.paused && all_paused == other.all_paused;
  }
  bool is_paused(std::string_view database) const {
    return all_paused || paused.contains(database);
  }
};

}  // namespace pgsaba::worker
