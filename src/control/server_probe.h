// ServerProbe: asks one PostgreSQL server about its role and WAL position over one kept libpq link,
// never blocking: the name is looked up by the loop and libpq gets numeric addresses only.
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

struct pg_conn;    // libpq's PGconn
struct pg_result;  // libpq's PGresult

namespace pgsaba::control {

// What a server says of itself; 0 means that it may not or does not say.
struct ProbeAnswer {
  bool in_recovery = false;
  bool streaming = false;  // its WAL receiver runs
  std::uint32_t timeline = 0;
  std::uint64_t system_identifier = 0;
  std::int64_t started_at_us = 0;  // on the server's clock
  std::uint64_t lsn = 0;           // primary: insert position; standby: replayed position
};

class ServerProbe {
 public:
  using Callback = std::function<void(Result<ProbeAnswer>)>;

  ServerProbe(net::ControlLoop& loop, MonitorTarget target, Micros limit_us, Callback callback);
  ~ServerProbe();
  ServerProbe(const ServerProbe&) = delete;
  ServerProbe& operator=(const ServerProbe&) = delete;

  // Starts a probe, unless one is under way.
  void ask();

 private:
  // kOffline -> kLookingUp -> kConnecting -> kAsking <-> kIdle; from each back to kOffline by
  // fail().
  enum class State : std::uint8_t { kOffline, kLookingUp, kConnecting, kAsking, kIdle };

  struct CloseLink {
    void operator()(pg_conn* link) const;
  };
  struct FreeResult {
    void operator()(pg_result* result) const;
  };
  using ResultPointer = std::unique_ptr<pg_result, FreeResult>;

  void look_up();
  void connect(const std::vector<net::Address>& addresses);
  void continue_connecting();
  void send_question();
  void receive(net::Readiness ready);
  void finish(const ResultPointer& result);
  void notice_idle_link();
  void watch(net::Readiness interest, void (ServerProbe::*step)(net::Readiness));
  void on_connecting(net::Readiness) { continue_connecting(); }
  void on_idle(net::Readiness) { notice_idle_link(); }
  std::string link_error() const;
  void fail(std::string message);

  net::ControlLoop& loop_;
  MonitorTarget target_;
  Micros limit_us_;
  Callback callback_;
  State state_ = State::kOffline;
  bool without_control_data_ = false;  // pg_control_*() were denied
  std::unique_ptr<pg_conn, CloseLink> link_;
  ResultPointer result_;
  net::Watch lookup_;
  net::Watch limit_;
  net::Watch socket_;  // after link_: must be gone before the link closes its socket
};

}  // namespace pgsaba::control
