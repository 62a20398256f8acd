// TakeoverChannel: the connection between two processes of which one takes over from the other:
// whole messages, some with a socket. Control thread; owns its end. What is sent goes out in its
// order; what the other side does not take yet waits here, bounded by what may be under way.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "control/takeover_message.h"
#include "pgsaba/net/control_loop.h"
#include "pgsaba/net/network.h"

namespace pgsaba::control {

class TakeoverChannel {
 public:
  struct Received {
    TakeoverMessage message;
    net::Socket socket = net::kNoSocket;  // the receiver's
  };
  using Receive = std::function<void(Received)>;
  using Closed = std::function<void()>;

  // Takes `end`. Either callback may destroy the channel.
  TakeoverChannel(net::ControlLoop& loop, int end) : loop_(loop), end_(end) {}
  TakeoverChannel(const TakeoverChannel&) = delete;
  TakeoverChannel& operator=(const TakeoverChannel&) = delete;
  ~TakeoverChannel();

  // The next message, waited for; an error if it does not come in time.
  Result<Received> receive_now(Micros limit);
  // From now on all that comes is told, on the loop.
  Status listen(Receive receive, Closed closed);
  // Takes the socket, if there is one.
  void send(const TakeoverMessage& message, net::Socket socket = net::kNoSocket);

 private:
  enum class Outcome : std::uint8_t { kDone, kLater, kOver };

  Outcome receive_one(Received& received);
  Outcome send_one(const std::string& bytes, net::Socket socket) const;
  void receive_all();
  void send_all();

  net::ControlLoop& loop_;
  int end_;
  Receive receive_;
  Closed closed_;
  net::Watch watch_;
  net::Watch retry_;
  std::deque<std::pair<std::string, net::Socket>> queue_;
  std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);
};

}  // namespace pgsaba::control
