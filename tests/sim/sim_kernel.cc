#include "sim/sim_kernel.h"

#include <algorithm>
#include <cassert>
#include <cerrno>

namespace pgsaba::sim {

using net::IoResult;
using net::Socket;

namespace {

constexpr std::string_view kCancelRequest("\0\0\0\x10\x04\xd2\x16\x2e", 8);

}  // namespace

// ---- calendar ----------------------------------------------------------------------------------

void SimKernel::at(Micros when, std::function<void()> what) {
  calendar_.push({std::max(when, now), next_order_++, std::move(what)});
}

bool SimKernel::run_due() {
  bool ran = false;
  while (!calendar_.empty() && calendar_.top().when <= now) {
    const std::function<void()> what = calendar_.top().what;
    calendar_.pop();
    what();
    ran = true;
  }
  return ran;
}

Micros SimKernel::next_event() const { return calendar_.empty() ? kNever : calendar_.top().when; }

// ---- connections -------------------------------------------------------------------------------

Socket SimKernel::add_pair(Socket& actor_side) {
  const Socket worker_side = next_socket_++;
  actor_side = next_socket_++;
  End& worker = ends_[worker_side];
  End& actor = ends_[actor_side];
  worker.peer = actor_side;
  actor.peer = worker_side;
  worker.room = random.between<std::size_t>(2'000, habits.max_room);
  actor.room = random.between<std::size_t>(2'000, habits.max_room);
  return worker_side;
}

Socket SimKernel::dial(Actor& actor) {
  Socket mine = net::kNoSocket;
  const Socket theirs = add_pair(mine);
  end(mine).actor = &actor;
  end(theirs).connected = true;
  at(now + random.between<Micros>(1, habits.max_delay),
     [this, theirs] { waiting_.push_back(theirs); });
  return mine;
}

Micros SimKernel::arrival_at(End& to) {
  to.last_arrival = std::max(to.last_arrival, now + random.between<Micros>(1, habits.max_delay));
  return to.last_arrival;
}

// Moves what an actor wants to say on its way, as far as there is room at the worker's end.
void SimKernel::pump(Socket from) {
  End& sender = end(from);
  if (sender.peer == net::kNoSocket || !ends_.contains(sender.peer)) return;
  const Socket to = sender.peer;
  End& receiver = end(to);
  while (sender.under_way < sender.backlog.size()) {
    const std::size_t used = receiver.inbox.size() + receiver.coming;
    const std::size_t room = receiver.room > used ? receiver.room - used : 0;
    const std::size_t left = sender.backlog.size() - sender.under_way;
    const std::size_t piece =
        std::min({room, left, random.between<std::size_t>(1, habits.max_piece)});
    if (piece == 0) return;
    receiver.coming += piece;
    at(arrival_at(receiver),
       [this, to, bytes = sender.backlog.substr(sender.under_way, piece)] { arrive(to, bytes); });
    sender.under_way += piece;
  }
  sender.backlog.clear();
  sender.under_way = 0;
  if (std::exchange(sender.close_after, false))
    at(arrival_at(receiver), [this, to] { arrive_end(to, false); });
}

void SimKernel::arrive(Socket to, std::string bytes) {
  const auto found = ends_.find(to);
  if (found == ends_.end() || !found->second.open) return;
  End& receiver = found->second;
  receiver.coming -= bytes.size();
  receiver.inbox += bytes;
  edge(to);
}

void SimKernel::arrive_end(Socket to, bool reset) {
  const auto found = ends_.find(to);
  if (found == ends_.end() || !found->second.open) return;
  (reset ? found->second.reset : found->second.ended) = true;
  edge(to);
}

// Something has changed at a socket: its worker, or its actor, will hear of it.
void SimKernel::edge(Socket socket) {
  End& changed = end(socket);
  if (changed.actor != nullptr) return changed.actor->arrived(socket);
  if (changed.network == nullptr || std::exchange(changed.edge, true)) return;
  changed.network->edges_.push_back(socket);
}

// ---- actors ------------------------------------------------------------------------------------

void SimKernel::actor_send(Socket socket, std::string_view bytes) {
  End& sender = end(socket);
  if (!sender.open) return;
  sender.backlog.append(bytes);
  pump(socket);
}

std::string SimKernel::actor_read(Socket socket) {
  End& reader = end(socket);
  std::string bytes = std::exchange(reader.inbox, {});
  const auto peer = ends_.find(reader.peer);
  if (!bytes.empty() && peer != ends_.end() &&
      (peer->second.wants_room || random.chance(habits.spurious_percent))) {
    peer->second.wants_room = false;
    edge(reader.peer);
  }
  return bytes;
}

bool SimKernel::actor_sees_end(Socket socket) const {
  const End& reader = ends_.at(socket);
  return reader.inbox.empty() && (reader.ended || reader.reset);
}

void SimKernel::actor_close(Socket socket, bool reset) {
  End& closing = end(socket);
  if (!std::exchange(closing.open, false)) return;
  closing.actor = nullptr;
  // Unread bytes make a close a reset.
  reset = reset || !closing.inbox.empty();
  if (!ends_.contains(closing.peer)) return;
  const Socket to = closing.peer;
  if (reset) {
    closing.backlog.clear();
    closing.under_way = 0;
    at(arrival_at(end(to)), [this, to] { arrive_end(to, true); });
  } else {
    closing.close_after = true;
    pump(socket);
  }
}

// ---- a worker's view ---------------------------------------------------------------------------

IoResult SimNetwork::receive(Socket socket, std::span<std::uint8_t> into) {
  SimKernel::End& mine = kernel_.end(socket);
  if (mine.inbox.empty()) {
    if (mine.reset) return {IoResult::Kind::kFailed, 0, ECONNRESET};
    if (mine.ended) return {IoResult::Kind::kEnd, 0, 0};
    return {IoResult::Kind::kWouldBlock, 0, 0};
  }
  const std::size_t count = std::min(into.size(), mine.inbox.size());
  std::copy_n(mine.inbox.begin(), count, into.begin());
  mine.inbox.erase(0, count);
  kernel_.pump(mine.peer);
  return {IoResult::Kind::kDone, count, 0};
}

IoResult SimNetwork::send(Socket socket, Bytes first, Bytes second) {
  SimKernel::End& mine = kernel_.end(socket);
  std::string bytes(text_of(first));
  bytes += text_of(second);
  if (mine.reset) return {IoResult::Kind::kFailed, 0, EPIPE};
  if (!mine.connected) return {IoResult::Kind::kWouldBlock, 0, 0};
  if (mine.dialled && !std::exchange(mine.spoke, true) && bytes.substr(0, 8) != kCancelRequest)
    kernel_.sessions_.insert(socket);
  SimKernel::End& theirs = kernel_.end(mine.peer);
  if (!theirs.open) {  // the kernel takes them, the peer's kernel answers with a reset
    kernel_.at(kernel_.arrival_at(mine),
               [kernel = &kernel_, socket] { kernel->arrive_end(socket, true); });
    return {IoResult::Kind::kDone, bytes.size(), 0};
  }
  const std::size_t used = theirs.inbox.size() + theirs.coming;
  std::size_t count = std::min(bytes.size(), theirs.room > used ? theirs.room - used : 0);
  if (count > 0 && kernel_.random.chance(kernel_.habits.short_write_percent)) {
    count = kernel_.random.below(count);  // others filled the kernel's memory for a moment
    kernel_.at(kernel_.now + kernel_.random.between<Micros>(1, 1'000), [kernel = &kernel_, socket] {
      if (kernel->ends_.contains(socket)) kernel->edge(socket);
    });
  } else if (count < bytes.size()) {
    mine.wants_room = true;
  }
  if (count == 0) return {IoResult::Kind::kWouldBlock, 0, 0};
  theirs.coming += count;
  kernel_.at(kernel_.arrival_at(theirs),
             [kernel = &kernel_, to = mine.peer, sent = bytes.substr(0, count)] {
               kernel->arrive(to, sent);
             });
  return {IoResult::Kind::kDone, count, 0};
}

Result<Socket> SimNetwork::connect(const net::Address&, const net::SocketOptions&) {
  Socket theirs = net::kNoSocket;
  const Socket mine = kernel_.add_pair(theirs);
  kernel_.end(mine).dialled = true;
  kernel_.at(kernel_.now + kernel_.random.between<Micros>(1, kernel_.habits.max_delay),
             [kernel = &kernel_, mine, theirs] {
               if (!kernel->ends_.contains(mine) || !kernel->end(mine).open) return;
               SimKernel::End& dialling = kernel->end(mine);
               Actor* actor = kernel->accept_(theirs);
               dialling.connected = actor != nullptr;
               kernel->end(theirs).actor = actor;
               kernel->end(theirs).open = actor != nullptr;
               dialling.reset = actor == nullptr;
               kernel->edge(mine);
             });
  return mine;
}

void SimNetwork::watch(Socket socket, net::Pollable& owner) {
  SimKernel::End& mine = kernel_.end(socket);
  mine.network = this;
  mine.owner = &owner;
  if (mine.last_network != nullptr && mine.last_network != this) ++kernel_.moved_sockets;
  mine.last_network = this;
  mine.edge = false;
  if (mine.connected || mine.reset) kernel_.edge(socket);  // epoll tells the state at once
}

void SimNetwork::unwatch(Socket socket) {
  std::erase(edges_, socket);
  const auto found = kernel_.ends_.find(socket);
  if (found == kernel_.ends_.end()) return;
  found->second.edge = false;
  found->second.network = nullptr;
  found->second.owner = nullptr;
}

Socket SimNetwork::accept(Socket, const net::SocketOptions&) {
  if (kernel_.waiting_.empty()) return net::kNoSocket;
  const Socket socket = kernel_.waiting_.front();
  kernel_.waiting_.pop_front();
  return socket;
}

void SimNetwork::close(Socket socket) {
  SimKernel::End& mine = kernel_.end(socket);
  unwatch(socket);
  kernel_.sessions_.erase(socket);
  const bool reset = !mine.inbox.empty();
  const Socket to = mine.peer;
  mine.open = false;
  if (!kernel_.ends_.contains(to)) return;
  kernel_.at(kernel_.arrival_at(kernel_.end(to)),
             [kernel = &kernel_, to, reset] { kernel->arrive_end(to, reset); });
}

bool SimNetwork::pending() const {
  return woken_ || !edges_.empty() || (listener_ != nullptr && !kernel_.waiting_.empty());
}

void SimNetwork::wait(Micros) {
  woken_ = false;
  if (listener_ != nullptr && !kernel_.waiting_.empty()) listener_->ready({true, false, false});
  for (std::size_t left = edges_.size(); left > 0; --left) {
    const Socket socket = edges_.front();
    edges_.pop_front();
    SimKernel::End& mine = kernel_.end(socket);
    mine.edge = false;
    ++kernel_.events_reported;
    const auto peer = kernel_.ends_.find(mine.peer);
    const bool room = peer != kernel_.ends_.end() &&
                      peer->second.inbox.size() + peer->second.coming < peer->second.room;
    const bool over = mine.ended || mine.reset;
    mine.owner->ready({!mine.inbox.empty() || over, (mine.connected && room) || mine.reset, over});
  }
}

}  // namespace pgsaba::sim
