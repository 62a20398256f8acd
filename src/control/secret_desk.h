// SecretDesk: asks PostgreSQL for the secrets of users that no file lists (auth.query), one
// question at a time for each connection it keeps, and remembers what it was told for
// auth.query_ttl; then that is wiped. Bounded: the oldest answers go when there are too many, and
// questions beyond a limit fail. Owning thread: the control loop's.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "control/daemon_controls.h"
#include "control/server_link.h"
#include "pgsaba/auth/secret_bytes.h"
#include "pgsaba/net/control_loop.h"

namespace pgsaba::control {

class SecretDesk {
 public:
  struct Answer {
    std::string secret = {};  // empty: there is no such user, or none with a password
    std::string error = {};   // not empty: nobody could be asked
  };
  using Done = std::function<void(const Answer&)>;

  SecretDesk(net::ControlLoop& loop, DaemonControls& controls) : loop_(loop), controls_(controls) {}

  // Answers at once if it knows.
  void ask(const std::string& database, const std::string& user, Done done);
  // The next who asks for this user gets a fresh answer.
  void doubt(const std::string& database, const std::string& user);
  // The configuration has changed: nothing of what is known or connected is good any more. Not to
  // be called from a `Done`.
  void forget_all();
  // A host may have other addresses: nothing stays connected to one that is not its own any more.
  void follow_addresses();

 private:
  struct Known {
    auth::SecretBytes secret;
    Micros since = 0;
  };
  struct Question {
    std::string database;
    std::string user;
    std::string query;
    Done done;
  };
  // A connection to one server, as one user, in one database.
  struct Source {
    std::unique_ptr<ServerLink> link;
    std::deque<Question> questions;  // the first of them is being asked
  };
  using Who = std::pair<std::string, std::string>;  // database and user

  Source* source_for(const std::string& database, std::string& why);
  void ask_next(Source& source);
  void answered(Source& source, const ServerLink::Answer& answer);
  static void leave_if_strayed(Source& source);
  void remember(const Who& who, const std::string& secret);
  void forget_old();

  net::ControlLoop& loop_;
  DaemonControls& controls_;
  std::map<Who, Known> known_;
  net::Watch sweep_;  // while anything is known
  std::map<std::string, Source> sources_;
};

}  // namespace pgsaba::control
