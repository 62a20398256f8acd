// ChildProcess: a program we started, that ends with us at the latest: by stop(), by destruction,
// or, if we are killed, by the kernel (PR_SET_PDEATHSIG, prctl(2): bound to the thread that started
// it). Owning thread: the one that started it. Blocking, with limits in microseconds; for the demo,
// not for the daemon.
#pragma once

#include <sys/types.h>

#include <csignal>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "pgsaba/base/clock.h"
#include "pgsaba/base/result.h"

namespace pgsaba::control {

// Whom a program runs as.
struct Account {
  uid_t uid = 0;
  gid_t gid = 0;
};

// Asked while waiting: has the user had enough?
using Interrupted = std::function<bool()>;

struct ChildOptions {
  std::vector<std::string> arguments;         // the first is the program's path
  std::vector<std::string> environment = {};  // "NAME=value"; empty: ours
  std::string directory = "/";                // where it starts
  std::string log_file = "/dev/null";         // gets stdout and stderr, appended
  std::optional<Account> account = {};        // none: ours
  int death_signal = SIGKILL;                 // what it gets if we die first
};

class ChildProcess {
 public:
  // It runs in a session of its own, out of reach of the terminal's Ctrl-C.
  static Result<ChildProcess> start(const ChildOptions& options);

  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&& other) noexcept;
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;
  ~ChildProcess();  // SIGKILL if it still runs

  bool running();
  // False: still running after the limit, or interrupted.
  bool wait(Micros limit, const Interrupted& interrupted = {});
  // Sends each signal in turn and waits up to `limit` after each; SIGKILL is the last.
  void stop(const std::vector<int>& signals, Micros limit);

  bool succeeded() const { return status_ == 0; }
  std::string how_it_ended() const;  // "exited with status 1", "was ended by signal 9"

 private:
  explicit ChildProcess(pid_t pid) : pid_(pid) {}

  pid_t pid_ = -1;                  // -1: ended or moved from
  std::optional<int> status_ = {};  // as from waitpid
};

}  // namespace pgsaba::control
