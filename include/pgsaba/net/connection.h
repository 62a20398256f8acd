// Connection: one socket with what was not yet judged (carry) and not yet written (out); and Turn:
// what all connections of a worker share during one turn of its loop.
//
// Events only mark a connection and put it on the run list. Its `step` runs once per turn, reads
// once, and appends what it has to say; `flush` writes once per peer at the turn's end. An idle
// connection owns no buffer.
//
// With TLS (`start_tls`) the same holds: one read, whose records are opened into the shared block;
// one write, of what was gathered, sealed on its way out. Until hands are shaken neither `step` is
// called nor anything sent of what was gathered; `secured` tells the outcome.
// Owned by one worker thread. A connection moves to another worker only while it is at rest.
#pragma once

#include <memory>
#include <vector>

#include "pgsaba/base/buffer.h"
#include "pgsaba/base/clock.h"
#include "pgsaba/base/intrusive_list.h"
#include "pgsaba/net/handshake_desk.h"
#include "pgsaba/net/network.h"
#include "pgsaba/net/tls.h"

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
  void not_sent(int error, Bytes rest) final;

  // Asks for a `step` in this turn or the next.
  void schedule();
  // What to do with what has arrived. Called by `take_turn` only, which the worker calls.
  virtual void step() = 0;
  void take_turn() {
    if (tls_ == nullptr || tls_->open) return step();
    continue_handshake();
  }
  // The unsent bytes fell below the low mark, or some went out after `watch_sending`.
  virtual void drained() {}

  void send(Bytes bytes);
  void send(std::string_view bytes) { send(bytes_of(bytes)); }
  void flush();
  // Nor is anything left with the network: `sent_all` speaks of the kernel.
  void flush_now();

  bool open() const { return socket_ != kNoSocket; }
  bool broken() const { return broken_; }  // a write failed, or the peer reset the connection
  bool ended() const { return ended_; }    // the peer has said all it will
  bool congested() const { return out_.size() + sealed_bytes() > kHighMarkBytes; }
  bool sent_all() const { return out_.empty() && sealed_bytes() == 0; }
  bool readable() const { return readable_; }
  bool hung_up() const { return hangup_; }
  // The peer has closed both directions. With TCP that is not known before it was sent something.
  bool gone() const { return gone_; }
  Socket socket() const { return socket_; }
  Turn& turn() const { return *turn_; }

  // Null without TLS, and until hands are shaken.
  const TlsSession* tls() const { return tls_ && tls_->open ? tls_->session.get() : nullptr; }
  // Why TLS failed; empty if it did not.
  std::string_view tls_failure() const { return tls_ ? tls_->failure : std::string_view(); }

  // For the HandshakeDesk: a step has this number; it is computed.
  void handshake_asked(std::uint64_t number) { tls_->asked = number; }
  void hands_shaken(HandshakeStep step);

  ListHook run_hook;
  ListHook dirty_hook;

 protected:
  // Gives up the socket for one that still connects: all that was said on the old one is forgotten.
  void connect_anew(Socket socket);
  // Asks for `drained` once more, also below the high mark.
  void watch_sending() { congestion_reported_ = true; }
  void move_to(Turn& turn) { turn_ = &turn; }

  // From the next byte on all is TLS; `received` has come of it already. What was sent before must
  // be out.
  void start_tls(std::unique_ptr<TlsSession> session, Bytes received);
  void no_more_passwords() {
    if (tls_ && tls_->open) tls_->session->no_more_passwords();
  }
  bool shakes_hands() const { return tls_ && !tls_->open; }
  // Hands are shaken, or could not be: `tls_failure`.
  virtual void secured() {}

  // Everything that is here: the carry, and, if `may_read`, what the socket has (read once).
  // Valid until `retain`, which must follow.
  Bytes gather(bool may_read);
  // The first `consumed` bytes of what `gather` gave are done with; the rest is kept.
  void retain(std::size_t consumed);
  bool has_carry() const { return !carry_.empty(); }
  std::size_t carry_bytes() const { return carry_.size(); }

 private:
  // What TLS adds. The session is away (null) while a step of the handshake is computed elsewhere.
  struct Tls {
    std::unique_ptr<TlsSession> session;
    bool open = false;  // hands are shaken
    std::uint64_t asked = 0;
    Buffer unsent;  // sealed
    std::string failure;
  };

  Bytes receive_behind_carry();
  std::size_t read_socket(std::span<std::uint8_t> room);
  Bytes send_plain(Bytes more);
  void write_failed();

  // connection_tls.cc
  std::size_t receive_sealed(std::span<std::uint8_t> room);
  Bytes send_sealed(Bytes more);
  void seal(Bytes& plain);
  void keep_sealed(Bytes sealed);
  std::size_t sealed_bytes() const { return tls_ ? tls_->unsent.size() : 0; }
  void continue_handshake();
  void ask_for_handshake(Bytes received);
  void fail_handshake(std::string why, TlsFailure kind);
  void end_tls();

  Turn* turn_;
  Socket socket_ = kNoSocket;
  Side side_;
  bool readable_ = false;
  bool writable_ = true;
  bool hangup_ = false;
  bool gone_ = false;
  bool ended_ = false;
  bool broken_ = false;
  bool congestion_reported_ = false;
  bool gathered_in_place_ = false;
  Buffer out_;
  Buffer carry_;
  Bytes gathered_;
  std::unique_ptr<Tls> tls_;
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
  // Records as they are received, and as they are sent; empty until the first TLS connection.
  std::vector<std::uint8_t> received;
  std::vector<std::uint8_t> sealed;
  HandshakeDesk handshakes;
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
