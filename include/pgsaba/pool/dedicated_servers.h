// DedicatedServers: the servers of a pool that belong to one client each (replication), and the
// clients that wait for room to have one. A dedicated server takes a slot like any other: where the
// limits are reached, idle servers make way, of this pool or of its twins in other workers.
// Owned by a pool; one worker's thread.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>

#include "pgsaba/pool/slots.h"
#include "pgsaba/server/dedicated_connection.h"

namespace pgsaba::pool {

class Pool;

// A client that wants a server of its own.
class DedicatedClient : public server::DedicatedHolder {
 public:
  virtual void dedicated_opened(server::DedicatedConnection& server) = 0;
  // It has left the queue without a server, or the server cannot be reached.
  virtual void dedicated_refused(const wire::ErrorFields& error) = 0;
  // What it tells the server beyond user and database.
  virtual const wire::ParameterList& startup_parameters() const = 0;

  ListHook dedicated_hook;
  Micros dedicated_since = 0;
};

class DedicatedServers {
 public:
  explicit DedicatedServers(Pool& pool) : pool_(pool) {}
  ~DedicatedServers();

  // Opens a server for the client now, or as soon as there is room.
  void request(DedicatedClient& client);
  void leave(DedicatedClient& client) { waiters_.remove(client); }
  // The client has done with it, or has heard that it is lost.
  void give_back(server::DedicatedConnection& server);
  void tick(Micros now);
  void close_all(server::CloseReason reason);

  bool empty() const { return owned_.empty() && waiters_.empty(); }
  std::size_t size() const { return owned_.size(); }
  template <class Visit>
  void for_each(Visit visit) const {
    for (const auto& [server, owned] : owned_) visit(*server);
  }

 private:
  bool open(DedicatedClient& client);
  void connect(DedicatedClient& client);
  void open_waiting();
  void expire(Micros now);

  Pool& pool_;
  IntrusiveList<DedicatedClient, &DedicatedClient::dedicated_hook> waiters_;
  std::unordered_map<server::DedicatedConnection*, std::unique_ptr<server::DedicatedConnection>>
      owned_;
};

}  // namespace pgsaba::pool
