// A Network without a kernel: a test puts bytes in and looks at those that came out.
#pragma once

#include <algorithm>
#include <map>
#include <string>

#include "pgsaba/net/connection.h"

namespace pgsaba::testing {

class FakeNetwork final : public net::Network {
 public:
  struct Line {
    std::string in;   // not yet received
    std::string out;  // sent
    bool ended = false;
    net::Pollable* owner = nullptr;
  };

  // The peer has said `bytes`, or has closed.
  void say(net::Socket socket, std::string_view bytes) {
    lines[socket].in += bytes;
    tell(socket, {.readable = true});
  }
  void hang_up(net::Socket socket) {
    lines[socket].ended = true;
    tell(socket, {.readable = true, .hangup = true});
  }
  void connected(net::Socket socket) { tell(socket, {.writable = true}); }
  std::string sent(net::Socket socket) { return std::exchange(lines[socket].out, {}); }

  std::map<net::Socket, Line> lines;
  std::map<net::Socket, std::string> last_words;  // sent on sockets that are closed
  net::Address peer = {};                         // of every socket
  net::Address here = {};                         // at our side
  bool refuses = false;                           // the next attempts to connect

  net::IoResult receive(net::Socket socket, std::span<std::uint8_t> into) override {
    Line& line = lines[socket];
    const std::size_t count = std::min(into.size(), line.in.size());
    std::copy_n(line.in.begin(), count, into.begin());
    line.in.erase(0, count);
    if (count > 0) return {net::IoResult::Kind::kDone, count};
    return {line.ended ? net::IoResult::Kind::kEnd : net::IoResult::Kind::kWouldBlock};
  }
  net::IoResult send(net::Socket socket, Bytes first, Bytes second) override {
    lines[socket].out.append(text_of(first)).append(text_of(second));
    return {net::IoResult::Kind::kDone, first.size() + second.size()};
  }
  Result<net::Socket> connect(const net::Address&, const net::SocketOptions&) override {
    if (refuses) return Error{"refused"};
    lines[++last_];
    return last_;
  }
  void watch(net::Socket socket, net::Pollable& owner) override { lines[socket].owner = &owner; }
  void watch_listener(net::Socket, net::Pollable&) override {}
  void unwatch(net::Socket socket) override { lines[socket].owner = nullptr; }
  net::Socket accept(net::Socket, const net::SocketOptions&) override { return net::kNoSocket; }
  net::Socket duplicate(net::Socket) override { return net::kNoSocket; }
  void close(net::Socket socket) override {
    last_words[socket] = lines[socket].out;
    lines.erase(socket);
  }
  net::Address peer_address(net::Socket) override { return peer; }
  std::optional<uid_t> peer_user(net::Socket) override { return std::nullopt; }
  net::Address local_address(net::Socket) override { return peer.is_unix() ? peer : here; }
  void wait(Micros) override {}
  void wake() override {}

 private:
  void tell(net::Socket socket, net::SocketReadiness readiness) {
    if (lines[socket].owner != nullptr) lines[socket].owner->ready(readiness);
  }

  net::Socket last_ = 0;
};

// Turns of the loop without its worker, until nothing is left to do.
inline void run(net::Turn& turn) {
  do {
    turn.step_all();
    turn.flush_all();
    turn.sweep();
  } while (turn.work_left());
}

}  // namespace pgsaba::testing
