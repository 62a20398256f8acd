// Listeners: the sockets that clients come to. They are opened as the configuration says, unless
// the service manager has opened them already (systemd's socket units): an inherited socket serves
// the entry of `listen` with its address, or is served besides. Control thread; closes what it has.
#pragma once

#include <string>
#include <vector>

#include "pgsaba/base/result.h"
#include "pgsaba/config/config.h"
#include "pgsaba/net/address.h"
#include "pgsaba/net/network.h"

namespace pgsaba::control {

class Listeners {
 public:
  struct Passed {
    net::Address address;
    net::Socket socket = net::kNoSocket;
    std::string path = {};  // of a Unix socket of ours, to be removed at the end
    bool inherited = false;
    bool lent = false;  // another process serves it, too: it is not ours to end
  };

  Listeners() = default;
  Listeners(const Listeners&) = delete;
  Listeners& operator=(const Listeners&) = delete;
  ~Listeners() { close(); }

  // Opens all of them, or fails with the reason.
  // `shared`: other processes may listen on the same TCP ports.
  Status open(const std::vector<config::Listener>& wanted, int backlog, bool shared = false);
  // Whoever comes now is refused instead of waiting for an end; and a successor may listen at once.
  // The sockets stay open: workers may have them in hand. Inherited ones go on queueing clients,
  // for whoever inherits them next.
  void stop();
  void close();
  std::vector<net::Socket> sockets() const;

  // For another process: copies, the receiver's.
  std::vector<Passed> passed() const;
  // It serves them from now on.
  void lend();
  // They are ours again, or for the first time; those of another process that the configuration
  // does not name are closed.
  void own();
  // Before `open`: one of another process. It is served if the configuration names it, or if it was
  // inherited there; it becomes ours with `own`.
  void take_over(Passed passed);

 private:
  using Listening = Passed;

  Status open_all(config::Listener from, int backlog, bool shared);
  Status open_one(const config::Listener& from, int backlog, bool shared);
  void inherit();

  bool was_passed(const net::Address& address);

  std::vector<Listening> listening_;
  std::vector<Passed> passed_;  // and not yet in use
};

// The sockets passed by the protocol of sd_listen_fds(3) to the process `pid`, from its environment
// (null where a variable is not set).
std::vector<int> passed_sockets(const char* for_pid, const char* count, int pid);

}  // namespace pgsaba::control
