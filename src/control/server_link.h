// ServerLink: one kept libpq connection to a PostgreSQL server over which the control thread asks
// questions of one row, never blocking: the name is looked up by the loop and libpq gets numeric
// addresses only. Connects when it is first needed.
// Owning thread: the control loop's. The answer comes from the loop, once per question; every
// question ends within its limit. When a link that rests breaks (the server went away), `on_broken`
// hears of it at once. Neither may destroy the link.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "monitor_target.h"
#include "pgsaba/base/result.h"
#include "pgsaba/net/control_loop.h"

struct pg_conn;    // libpq's PGconn
struct pg_result;  // libpq's PGresult

namespace pgsaba::control {

class ServerLink {
 public:
  struct Answer {
    std::vector<std::string> row;  // SQL's null is empty
    std::string error = {};        // libpq's or the server's words, on one line; empty: success
    std::string sqlstate = {};     // of the server's error
    bool timed_out = false;        // the error is that nothing came within the limit
    bool no_row = false;           // the error is that there is no row

    bool ok() const { return error.empty(); }
  };
  using Callback = std::function<void(const Answer&)>;

  ServerLink(net::ControlLoop& loop, MonitorTarget target, std::string application_name,
             Callback on_broken);
  ~ServerLink();
  ServerLink(const ServerLink&) = delete;
  ServerLink& operator=(const ServerLink&) = delete;

  // False: a question is under way, and this one was not taken. The link is given up when an answer
  // does not come in time, or when it breaks; an error of the server leaves it as it is.
  // `parameters` stand for $1, $2 ... as text.
  bool ask(std::string_view question, Micros limit_us, Callback answer,
           std::vector<std::string> parameters = {});
  bool busy() const { return state_ != State::kOffline && state_ != State::kIdle; }

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
  void on_ready(net::Readiness ready);
  void finish(const ResultPointer& result);
  void notice_idle_link();
  void watch(net::Readiness interest, void (ServerLink::*step)(net::Readiness));
  void on_connecting(net::Readiness) { continue_connecting(); }
  std::string link_error() const;
  void fail(std::string message, bool timed_out = false);

  net::ControlLoop& loop_;
  MonitorTarget target_;
  std::string application_name_;
  Callback on_broken_;
  State state_ = State::kOffline;
  std::string question_;
  std::vector<std::string> parameters_;
  Callback answer_;  // who waits for one; empty: nobody
  std::unique_ptr<pg_conn, CloseLink> link_;
  ResultPointer result_;
  net::Watch lookup_;
  net::Watch limit_;
  net::Watch socket_;  // after link_: must be gone before the link closes its socket
};

}  // namespace pgsaba::control
