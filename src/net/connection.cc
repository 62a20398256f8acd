#include "pgsaba/net/connection.h"

#include <algorithm>

namespace pgsaba::net {
namespace {

// From this size on, bytes are written at once from where they lie instead of being copied.
constexpr std::size_t kDirectBytes = 16'384;

}  // namespace

Connection::~Connection() { close(); }

void Connection::attach(Socket socket) {
  socket_ = socket;
  turn_->network.watch(socket, *this);
}

void Connection::attach_connecting(Socket socket) {
  writable_ = false;
  attach(socket);
}

void Connection::connect_anew(Socket socket) {
  close();
  readable_ = hangup_ = gone_ = ended_ = broken_ = congestion_reported_ = gathered_in_place_ =
      false;
  gathered_ = {};
  attach_connecting(socket);
}

Socket Connection::detach() {
  flush_now();  // TLS may have an answer of its own
  assert(out_.empty() && carry_.empty());
  if (run_hook.linked()) {
    auto& list = side_ == Side::kServer ? turn_->ready_servers : turn_->ready_clients;
    list.remove(*this);
  }
  if (dirty_hook.linked()) turn_->dirty.remove(*this);
  assert(!shakes_hands());
  turn_->network.unwatch(socket_);
  readable_ = hangup_ = gone_ = false;
  return std::exchange(socket_, kNoSocket);
}

void Connection::close() {
  if (tls_) end_tls();
  out_.clear(turn_->buffers);
  carry_.clear(turn_->buffers);
  if (run_hook.linked()) {
    auto& list = side_ == Side::kServer ? turn_->ready_servers : turn_->ready_clients;
    list.remove(*this);
  }
  if (dirty_hook.linked()) turn_->dirty.remove(*this);
  if (socket_ != kNoSocket) turn_->network.close(std::exchange(socket_, kNoSocket));
}

void Connection::ready(SocketReadiness readiness) {
  if (readiness.hangup) hangup_ = true;
  if (readiness.gone) gone_ = true;
  if (readiness.readable) readable_ = true;
  if (readiness.writable && !writable_) {
    writable_ = true;
    if (!sent_all() && !dirty_hook.linked()) turn_->dirty.push_back(*this);
  }
  if (readable_ || hangup_) schedule();
}

void Connection::schedule() {
  if (run_hook.linked() || !open()) return;
  auto& list = side_ == Side::kServer ? turn_->ready_servers : turn_->ready_clients;
  list.push_back(*this);
}

void Connection::send(Bytes bytes) {
  if (broken_ || !open()) return;
  if (writable_ && bytes.size() >= kDirectBytes) {
    bytes = tls_ ? send_sealed(bytes) : send_plain(bytes);
    if (bytes.empty() || broken_) return;
  }
  out_.append(turn_->buffers, bytes);
  congestion_reported_ = congestion_reported_ || congested();
  if (writable_ && !dirty_hook.linked()) turn_->dirty.push_back(*this);
}

void Connection::flush() {
  if (broken_ || !open() || !writable_ || sent_all()) return;
  if (tls_) {
    send_sealed({});
  } else {
    send_plain({});
  }
  if (broken_) return;
  if (congestion_reported_ && out_.size() + sealed_bytes() < kLowMarkBytes) {
    congestion_reported_ = false;
    drained();
  }
}

void Connection::flush_now() {
  flush();
  if (open()) turn_->network.settle(socket_);
}

// What lies here and `more` in one write; returns what of `more` could not be taken.
Bytes Connection::send_plain(Bytes more) {
  const std::size_t before = out_.size();
  const IoResult result = before == 0 ? turn_->network.send(socket_, more, {})
                                      : turn_->network.send(socket_, out_.view(), more);
  if (result.kind == IoResult::Kind::kFailed) {
    write_failed();
    return {};
  }
  writable_ = result.count == before + more.size();
  out_.consume(turn_->buffers, std::min(before, result.count));
  return more.subspan(result.count - std::min(before, result.count));
}

void Connection::not_sent(int error, Bytes rest) {
  if (broken_ || !open()) return;
  if (error != 0) return write_failed();
  writable_ = false;
  (tls_ ? tls_->unsent : out_).prepend(turn_->buffers, rest);
}

void Connection::write_failed() {
  broken_ = true;
  out_.clear(turn_->buffers);
  schedule();
}

// The carry moves to the front of the shared block, so that a frame is seen in one piece.
Bytes Connection::receive_behind_carry() {
  std::vector<std::uint8_t>& scratch = turn_->scratch;
  const std::size_t kept = carry_.size();
  if (kept > 0) std::memcpy(scratch.data(), carry_.view().data(), kept);
  carry_.clear(turn_->buffers);
  const std::span<std::uint8_t> room(scratch.data() + kept, Turn::kReadBytes);
  const std::size_t count = tls_ ? receive_sealed(room) : read_socket(room);
  return {scratch.data(), kept + count};
}

std::size_t Connection::read_socket(std::span<std::uint8_t> room) {
  const IoResult result = turn_->network.receive(socket_, room);
  // A short read has emptied the socket; only a peer that hung up has one more thing to say.
  readable_ = result.count == room.size() || (hangup_ && result.kind == IoResult::Kind::kDone);
  if (result.kind == IoResult::Kind::kEnd) ended_ = true;
  if (result.kind == IoResult::Kind::kFailed) broken_ = true;
  return result.count;
}

Bytes Connection::gather(bool may_read) {
  gathered_in_place_ = !may_read || !readable_ || carry_.size() > Turn::kCarryRoomBytes;
  gathered_ = gathered_in_place_ ? carry_.view() : receive_behind_carry();
  if (may_read && readable_) schedule();
  return gathered_;
}

void Connection::retain(std::size_t consumed) {
  if (!open()) return;
  if (gathered_in_place_) {
    if (consumed > 0) carry_.consume(turn_->buffers, consumed);
  } else if (consumed < gathered_.size()) {
    carry_.append(turn_->buffers, gathered_.subspan(consumed));
  }
  gathered_ = {};
}

Turn::~Turn() { sweep(); }

// Servers first: a client must not be lent a server whose end is already waiting to be read.
void Turn::step_all() {
  for (std::size_t left = ready_servers.size(); left > 0 && !ready_servers.empty(); --left)
    ready_servers.pop_front().take_turn();
  for (std::size_t left = ready_clients.size(); left > 0 && !ready_clients.empty(); --left)
    ready_clients.pop_front().take_turn();
}

void Turn::flush_all() {
  while (!dirty.empty()) dirty.pop_front().flush();
  network.submit();
}

void Turn::sweep() { dead.clear(); }

}  // namespace pgsaba::net
