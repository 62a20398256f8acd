// ServerProbe: asks one PostgreSQL server about its role and WAL position.
// Owning thread: the control loop's. The callback comes from the loop, once per probe, and besides
// when an idle link breaks (the server went away: news that must not wait for the next probe). It
// must not destroy the probe.
// Every probe ends within its limit. Errors: Error::message is libpq's or the server's, on one
// line.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "monitor_target.h"
#include "pgsaba/base/result.h"
#include "pgsaba/net/control_loop.h"
#include "server_link.h"

namespace pgsaba::control {

// What a server says of itself; 0 means that it may not or does not say.
struct ProbeAnswer {
  bool in_recovery = false;
  bool streaming = false;  // its WAL receiver runs
  std::uint32_t timeline = 0;
  std::uint64_t system_identifier = 0;
  std::int64_t started_at_us = 0;  // on the server's clock
  std::uint64_t lsn = 0;           // primary: insert position; standby: replayed position
  std::string address = {};        // that answered; empty: it is not known which of several did
};

class ServerProbe {
 public:
  using Callback = std::function<void(Result<ProbeAnswer>)>;

  ServerProbe(net::ControlLoop& loop, MonitorTarget target, Micros limit_us, Callback callback);
  ServerProbe(const ServerProbe&) = delete;
  ServerProbe& operator=(const ServerProbe&) = delete;

  // Starts a probe, unless one is under way.
  void ask();
  // The server is another one now: what is under way says nothing of it.
  void start_over();
  // The last one ended without a word of the server: it hangs, or is cut off.
  bool met_silence() const { return met_silence_; }

 private:
  void receive(const ServerLink::Answer& answer);

  Micros limit_us_;
  bool met_silence_ = false;
  Callback callback_;
  bool without_control_data_ = false;  // pg_control_*() were denied
  ServerLink link_;
};

}  // namespace pgsaba::control
