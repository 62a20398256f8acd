// ListenDesk: brings what clients want to listen to, and what they hear, between the workers. Each
// database and user falls to one worker, which has its SharedListener.
// Owned by a worker; one thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "pgsaba/worker/mail.h"
#include "worker/shared_listener.h"

namespace pgsaba::worker {

class Worker;

class ListenDesk {
 public:
  explicit ListenDesk(Worker& worker);
  ~ListenDesk();

  // A client of this worker wants something.
  void order(ListenOrder order);
  // It has come to the worker that it falls to.
  void take(ListenOrder& order);
  // RECONNECT; an empty name means all databases.
  void reconnect(const std::string& database);
  // Databases may have been paused or resumed.
  void follow_pauses();
  void tick(Micros connect_limit);

  // Calls visit(database, user, listener) for each there is.
  using Visit = std::function<void(const std::string& database, const std::string& user,
                                   const SharedListener& listener)>;
  void visit(const Visit& visit) const;

 private:
  class Line;

  Worker& worker_;
  std::map<std::pair<std::string, std::string>, std::unique_ptr<Line>> lines_;
};

}  // namespace pgsaba::worker
