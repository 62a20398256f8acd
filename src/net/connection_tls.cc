// The part of Connection that only connections with TLS need.
#include <algorithm>

#include "pgsaba/net/connection.h"

namespace pgsaba::net {
namespace {

// What is sealed at a time: eight records, sent in one system call while they are in the cache.
constexpr std::size_t kSealBytes = 131'072;

// What is read of a handshake at a time. Nobody has proven anything yet.
constexpr std::size_t kHandshakeBytes = 16'384;

// Any worker may get a connection that has its TLS from another one.
std::span<std::uint8_t> room_for_records(Turn& turn) {
  if (turn.received.empty()) turn.received.resize(Turn::kReadBytes - TlsSession::kKeptBytes);
  return turn.received;
}

}  // namespace

// ---- the handshake -----------------------------------------------------------------------------

void Connection::start_tls(std::unique_ptr<TlsSession> session, Bytes received) {
  assert(out_.empty() && !tls_);
  tls_ = std::make_unique<Tls>();
  tls_->session = std::move(session);
  // At a server's side, we have the first word.
  if (side_ == Side::kServer || !received.empty()) ask_for_handshake(received);
}

// While a step is computed, what arrives stays with the kernel.
void Connection::continue_handshake() {
  if (!open() || tls_->session == nullptr || !tls_->failure.empty()) return;
  const std::size_t count = read_socket(room_for_records(*turn_).first(kHandshakeBytes));
  if (count > 0) return ask_for_handshake({turn_->received.data(), count});
  if (!ended_ && !broken_) return;
  ended_ = true;  // it is not TLS that has failed
  fail_handshake("the peer closed the connection during the handshake", TlsFailure::kPeerLeft);
}

void Connection::ask_for_handshake(Bytes received) {
  HandshakeStep step;
  step.session = std::move(tls_->session);
  step.received.assign(received.begin(), received.end());
  turn_->handshakes.ask(*this, side_ == Side::kServer, std::move(step));
}

void Connection::hands_shaken(HandshakeStep step) {
  tls_->asked = 0;
  tls_->session = std::move(step.session);
  keep_sealed(step.to_send);
  if (step.outcome == TlsSession::Handshake::kFailed) {
    flush();  // the peer is told why
    return fail_handshake(tls_->session->failure(), tls_->session->failure_kind());
  }
  if (step.outcome == TlsSession::Handshake::kDone) {
    tls_->open = true;
    HandshakeCounts& counts = turn_->handshakes.counts(side_ == Side::kServer);
    ++(tls_->session->resumed() ? counts.resumed : counts.full);
    readable_ = readable_ || tls_->session->keeps_bytes();
    secured();
  }
  if (readable_ || hangup_) schedule();
}

void Connection::fail_handshake(std::string why, TlsFailure kind) {
  HandshakeCounts& counts = turn_->handshakes.counts(side_ == Side::kServer);
  ++counts.failed[static_cast<std::size_t>(kind)];
  broken_ = true;
  tls_->failure = std::move(why);
  secured();
}

// ---- bytes -------------------------------------------------------------------------------------

std::size_t Connection::receive_sealed(std::span<std::uint8_t> room) {
  const std::span<std::uint8_t> records = room_for_records(*turn_);
  const std::size_t count = read_socket(records);
  turn_->sealed.clear();
  const TlsSession::Read read = tls_->session->read(records.first(count), room, turn_->sealed);
  keep_sealed(turn_->sealed);
  if (read.ended) ended_ = true;
  if (read.failed) {
    broken_ = true;
    tls_->failure = tls_->session->failure();
  }
  return read.count;
}

// For the next flush.
void Connection::keep_sealed(Bytes sealed) {
  if (sealed.empty()) return;
  tls_->unsent.append(turn_->buffers, sealed);
  if (writable_ && !dirty_hook.linked()) turn_->dirty.push_back(*this);
}

// Seals and sends what lies here, then `more`; returns what of it could not be taken.
Bytes Connection::send_sealed(Bytes more) {
  std::vector<std::uint8_t>& block = turn_->sealed;
  do {
    block.clear();
    if (tls_->open) {
      Bytes own = out_.view();
      const std::size_t before = own.size();
      seal(own);
      out_.consume(turn_->buffers, before - own.size());
      if (out_.empty()) seal(more);
    }
    const Bytes first = tls_->unsent.view();
    if (broken_ || (first.empty() && block.empty())) return more;
    const IoResult result = first.empty() ? turn_->network.send(socket_, block, {})
                                          : turn_->network.send(socket_, first, block);
    if (result.kind == IoResult::Kind::kFailed) {
      write_failed();
      return {};
    }
    writable_ = result.count == first.size() + block.size();
    const std::size_t of_first = std::min(first.size(), result.count);
    tls_->unsent.consume(turn_->buffers, of_first);
    tls_->unsent.append(turn_->buffers, Bytes(block).subspan(result.count - of_first));
  } while (writable_ && tls_->open && !(out_.empty() && more.empty()));
  return more;
}

void Connection::seal(Bytes& plain) {
  std::vector<std::uint8_t>& block = turn_->sealed;
  const std::size_t room = kSealBytes - std::min(kSealBytes, block.size());
  const std::size_t count = std::min(plain.size(), room);
  if (count == 0) return;
  if (!tls_->session->write(plain.first(count), block)) {
    tls_->failure = tls_->session->failure();
    return write_failed();
  }
  plain = plain.subspan(count);
}

// The peer is told that no more comes, so that it can tell an end from a cut.
void Connection::end_tls() {
  if (tls_->asked != 0) turn_->handshakes.leave(tls_->asked);
  if (tls_->open && open() && writable_ && sent_all() && !broken_ && !ended_) {
    turn_->sealed.clear();
    tls_->session->say_goodbye(turn_->sealed);
    turn_->network.send(socket_, turn_->sealed, {});
  }
  tls_->unsent.clear(turn_->buffers);
  tls_.reset();
}

}  // namespace pgsaba::net
