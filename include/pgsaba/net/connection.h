// Connection: one socket with what was not yet judged (carry) and not yet written (out); and Turn:
// what all connections of a worker share during one turn of its loop.
//
// Events only mark a connection and put it on the run list. Its `step` runs once per turn, reads
// once, and appends what it has to say; `flush` writes once per peer at the turn's end. An idle
// connection owns no buffer.
// Owned by one worker thread. A connection moves to another worker only while it is at rest.
#pragma once

#include <memory>
#include <vector>

#include "pgsaba/base/buffer.h"
#include "pgsaba/base/clock.h"
#include "pgsaba/base/intrusive_list.h"
#include "pgsaba/net/network.h"

namespace pgsaba::net {

class Turn;

class Connection : public Pollable {
 public:
  // Above the high mark of unsent bytes, whoever feeds this connection stops being read.
  static constexpr std::size_t kHighMarkBytes = 262'144;
  static constexpr std::size_t kLowMarkBytes = 65'536;

  enum class Side : std::uint8_t { kServer, kClient };

  Connection(Turn& turn, Side side) : turn_(&turn), side_(side) {}
  ~Connection() override;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void attach(Socket socket);
  // The same for a socket that still connects: writing begins when that is done.
  void attach_connecting(Socket socket);
  // Gives the socket up without closing it; the connection must be at rest.
  Socket detach();
  void close();

  void ready(SocketReadiness readiness) final;

  // Asks for a `step` in this turn or the next.
  void schedule();
  // What to do with what has arrived. Called by the worker only.
  virtual void step() = 0;
  // The unsent bytes fell below the low mark, or some went out after `watch_sending`.
  virtual void drained() {}

  void send(Bytes bytes);
  void send(std::string_view bytes) { send(bytes_of(bytes)); }
  void flush();

  bool open() const { return socket_ != kNoSocket; }
  bool broken() const { return broken_; }  // a write failed, or the peer reset the connection
  bool ended() const { return ended_; }    // the peer has said all it will
  bool congested() const { return out_.size() > kHighMarkBytes; }
  bool sent_all() const { return out_.empty(); }
  bool readable() const { return readable_; }
  bool hung_up() const { return hangup_; }
  Socket socket() const { return socket_; }
  Turn& turn() const { return *turn_; }

  ListHook run_hook;
  ListHook dirty_hook;

 protected:
  // Asks for `drained` once more, also below the high mark.
  void watch_sending() { congestion_reported_ = true; }
  void move_to(Turn& turn) { turn_ = &turn; }

  // Everything that is here: the carry, and, if `may_read`, what the socket has (read once).
  // Valid until `retain`, which must follow.
  Bytes gather(bool may_read);
  // The first `consumed` bytes of what `gather` gave are done with; the rest is kept.
  void retain(std::size_t consumed);
  bool has_carry() const { return !carry_.empty(); }
  std::size_t carry_bytes() const { return carry_.size(); }

 private:
  Bytes receive_behind_carry();

  Turn* turn_;
  Socket socket_ = kNoSocket;
  Side side_;
  bool readable_ = false;
  bool writable_ = true;
  bool hangup_ = false;
  bool ended_ = false;
  bool broken_ = false;
  bool congestion_reported_ = false;
  bool gathered_in_place_ = false;
  Buffer out_;
  Buffer carry_;
  Bytes gathered_;
};

class Turn {
 public:
  static constexpr std::size_t kReadBytes = 262'144;
  static constexpr std::size_t kCarryRoomBytes = 65'536;

  explicit Turn(Network& kernel) : network(kernel), scratch(kCarryRoomBytes + kReadBytes) {}
  ~Turn();

  Network& network;
  BufferPool buffers;
  std::vector<std::uint8_t> scratch;  // one read at a time: carry first, fresh bytes behind
  Micros now = 0;

  IntrusiveList<Connection, &Connection::run_hook> ready_servers;
  IntrusiveList<Connection, &Connection::run_hook> ready_clients;
  IntrusiveList<Connection, &Connection::dirty_hook> dirty;
  std::vector<std::unique_ptr<Pollable>> dead;  // destroyed when the turn ends

  bool work_left() const { return !ready_servers.empty() || !ready_clients.empty(); }
  void step_all();
  void flush_all();
  void sweep();
};

}  // namespace pgsaba::net
