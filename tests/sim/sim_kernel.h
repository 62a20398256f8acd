// SimKernel: the sockets, the clock and the calendar of a simulated world; SimNetwork: what one
// worker sees of it, in place of EpollNetwork.
//
// A connection has a worker's end and an actor's end (a simulated client or back end). What an
// actor sends arrives in pieces, later, in order; what a worker sends fills the actor's bounded
// inbox until the actor reads. Readiness is reported as epoll(7) does for edge-triggered interest:
// an event for each arrival and for room after a short write, with the whole state of the socket.
// Owned by the world; one thread; times are virtual microseconds.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <queue>
#include <set>
#include <string>
#include <vector>

#include "pgsaba/net/network.h"
#include "sim/random.h"

namespace pgsaba::sim {

class SimNetwork;

// A simulated client or back end. Called by the kernel when something has arrived.
class Actor {
 public:
  virtual ~Actor() = default;
  virtual void arrived(net::Socket socket) = 0;
};

struct NetworkHabits {
  Micros max_delay = 200;          // of a piece on its way
  std::size_t max_piece = 4'096;   // bytes that arrive together
  std::size_t max_room = 128'000;  // of an inbox
  int short_write_percent = 5;
  int spurious_percent = 3;  // events that find nothing new
};

class SimKernel {
 public:
  explicit SimKernel(std::uint64_t seed) : random(seed) {}

  Random random;
  NetworkHabits habits;
  Micros now = 1;  // 0 means "never" to those who keep times

  // --- calendar ---
  void at(Micros when, std::function<void()> what);
  bool run_due();             // true if something ran
  Micros next_event() const;  // kNever if the calendar is empty

  // --- actors ---
  using Accept = std::function<Actor*(net::Socket)>;  // null: refused
  void serve(Accept accept) { accept_ = std::move(accept); }
  // Connects to a worker's listener.
  net::Socket dial(Actor& actor);
  void actor_send(net::Socket socket, std::string_view bytes);
  std::string actor_read(net::Socket socket);
  bool actor_sees_end(net::Socket socket) const;  // and has read everything before it
  void actor_close(net::Socket socket, bool reset);
  // For actors that nobody else owns.
  void keep(std::unique_ptr<Actor> actor) { kept_.push_back(std::move(actor)); }

  // --- what the judge asks ---
  // Workers' connections to the back end, without those that carry cancel requests.
  std::size_t server_sockets() const { return sessions_.size(); }
  std::uint64_t moved_sockets = 0;  // from one worker to another
  std::uint64_t events_reported = 0;

 private:
  friend class SimNetwork;
  struct End {
    net::Socket peer = net::kNoSocket;
    bool open = true;
    std::string inbox;       // arrived
    std::size_t coming = 0;  // under way
    std::size_t room = 0;    // for both
    bool ended = false;      // the peer said that no more comes
    bool reset = false;
    std::string backlog;        // of an actor: waits for room at the worker's end
    std::size_t under_way = 0;  // of the backlog, at its front
    bool close_after = false;
    Micros last_arrival = 0;
    // of a worker's end
    SimNetwork* network = nullptr;
    SimNetwork* last_network = nullptr;
    net::Pollable* owner = nullptr;
    bool edge = false;
    bool wants_room = false;
    bool connected = false;
    bool dialled = false;  // the worker connected it
    bool spoke = false;    // its first bytes told a session from a cancel request
    // of an actor's end
    Actor* actor = nullptr;
  };

  End& end(net::Socket socket) { return ends_.at(socket); }
  net::Socket add_pair(net::Socket& actor_side);
  void pump(net::Socket from);
  void arrive(net::Socket to, std::string bytes);
  void arrive_end(net::Socket to, bool reset);
  void edge(net::Socket socket);
  void say_end(net::Socket from, bool reset);
  Micros arrival_at(End& to);

  struct Entry {
    Micros when;
    std::uint64_t order;
    std::function<void()> what;
    bool operator<(const Entry& other) const {
      return when != other.when ? when > other.when : order > other.order;
    }
  };
  std::priority_queue<Entry> calendar_;
  std::uint64_t next_order_ = 0;
  Accept accept_;
  std::map<net::Socket, End> ends_;
  net::Socket next_socket_ = 10;
  std::set<net::Socket> sessions_;
  std::deque<net::Socket> waiting_;  // dialled by clients, not yet accepted
  std::vector<SimNetwork*> networks_;
  std::vector<std::unique_ptr<Actor>> kept_;
};

class SimNetwork final : public net::Network {
 public:
  explicit SimNetwork(SimKernel& kernel) : kernel_(kernel) { kernel.networks_.push_back(this); }

  net::IoResult receive(net::Socket socket, std::span<std::uint8_t> into) override;
  net::IoResult send(net::Socket socket, Bytes first, Bytes second) override;
  Result<net::Socket> connect(const net::Address& address,
                              const net::SocketOptions& options) override;
  void watch(net::Socket socket, net::Pollable& owner) override;
  void watch_listener(net::Socket, net::Pollable& owner) override { listener_ = &owner; }
  void unwatch(net::Socket socket) override;
  net::Socket accept(net::Socket, const net::SocketOptions& options) override;
  void close(net::Socket socket) override;
  net::Socket duplicate(net::Socket) override { return net::kNoSocket; }
  net::Address peer_address(net::Socket) override { return {}; }
  std::optional<uid_t> peer_user(net::Socket) override { return std::nullopt; }
  net::Address local_address(net::Socket) override { return {}; }
  // Reports what there is; the world's clock does the waiting.
  void wait(Micros timeout_us) override;
  void wake() override { woken_ = true; }

  bool pending() const;

 private:
  friend class SimKernel;

  SimKernel& kernel_;
  net::Pollable* listener_ = nullptr;
  std::deque<net::Socket> edges_;
  bool woken_ = false;
};

}  // namespace pgsaba::sim
