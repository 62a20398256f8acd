// ServerLink: one kept libpq connection to a PostgreSQL server over which the control thread asks
// questions, never blocking: the name is looked up by the loop and libpq gets numeric
// addresses only. Connects when it is first needed. Once its address is no longer one of its
// host's, the next question goes over a new connection to one that is.
// Owning thread: the control loop's. The answer comes from the loop, once per question; every
// question ends within its limit. When a link that rests breaks (the server went away), `on_broken`
// hears of it at once. Neither may destroy the link.
#pragma once

#include <cstddef>
#include <cstdint>
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
    // SQL's null is empty. Of a table, the fields of all rows, one row behind the other.
    std::vector<std::string> row;
    std::string error = {};     // libpq's or the server's words, on one line; empty: success
    std::string sqlstate = {};  // of the server's error
    bool timed_out = false;     // the error is that nothing came within the limit
    bool no_row = false;        // the error is that there is no row

    bool ok() const { return error.empty(); }
  };
  using Callback = std::function<void(const Answer&)>;

  ServerLink(net::ControlLoop& loop, MonitorTarget target, std::string application_name,
             Callback on_broken);
  ~ServerLink();
  ServerLink(const ServerLink&) = delete;
  ServerLink& operator=(const ServerLink&) = delete;

  // kOften: one row; the question is prepared, since it comes again and again.
  enum class Shape : std::uint8_t { kRow, kTable, kOften };

  // The answer is that of the last of the question's statements. False: a question is under way,
  // and this one was not taken. The link is given up when an answer does not come in time, or when
  // it breaks; an error of the server leaves it as it is.
  // `parameters` stand for $1, $2 ... as text; not with kOften.
  bool ask(std::string_view question, Micros limit_us, Callback answer, Shape shape = Shape::kRow,
           std::vector<std::string> parameters = {});
  // Drops the question, unanswered, and the connection.
  void hang_up();
  // Where it is connected to; kNone: nowhere, or it is not known which of several it is.
  const net::Address& address() const { return address_; }
  // The host has other addresses by now.
  bool strayed() const;
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
  void note_address();
  void continue_connecting();
  void send_question();
  bool send_once();
  void send_often();
  void on_ready(net::Readiness ready);
  void finish(const ResultPointer& result);
  void notice_idle_link();
  void watch(net::Readiness interest, void (ServerLink::*step)(net::Readiness));
  void on_connecting(net::Readiness) { continue_connecting(); }
  std::string link_error() const;
  void drop_link();
  void fail(std::string message, bool timed_out = false);

  net::ControlLoop& loop_;
  MonitorTarget target_;
  std::string application_name_;
  Callback on_broken_;
  State state_ = State::kOffline;
  std::string question_;
  std::vector<std::string> parameters_;
  Shape shape_ = Shape::kRow;
  Callback answer_;                  // who waits for one; empty: nobody
  std::size_t turn_ = 0;             // whose address is tried first
  std::vector<net::Address> tried_;  // one of these is connected to
  net::Address address_;
  std::unique_ptr<pg_conn, CloseLink> link_;
  ResultPointer result_;
  std::vector<std::string> prepared_;  // on this link, named by their places
  bool preparing_ = false;
  net::Watch lookup_;
  net::Watch limit_;
  net::Watch socket_;  // after link_: must be gone before the link closes its socket
};

}  // namespace pgsaba::control
