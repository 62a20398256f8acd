#include "pgsaba/server/dedicated_connection.h"

namespace pgsaba::server {

using wire::Piece;

DedicatedConnection::DedicatedConnection(net::Turn& turn, DedicatedHolder& holder,
                                         std::shared_ptr<const ServerTarget> target,
                                         auth::ScramKeyDesk& keys, std::uint64_t id)
    : OutgoingConnection(turn),
      holder_(holder),
      target_(std::move(target)),
      keys_(keys),
      login_(target_, keys.cache()),
      id_(id),
      opened_at_(turn.now) {}

Status DedicatedConnection::open_connection(const net::Address& address,
                                            const net::SocketOptions& options) {
  address_ = address;
  return begin_connecting(address, options, target_->tls);
}

void DedicatedConnection::agreed() {
  std::string first;
  login_.start(first, binding(address_, target_->tls));
  send(first);
}

void DedicatedConnection::not_agreed() {
  lose(broken_by_tls() ? CloseReason::kTlsFailed : CloseReason::kConnectFailed);
}

void DedicatedConnection::lose(CloseReason reason) {
  if (state_ == State::kClosed) return;
  state_ = State::kClosed;
  holder_.dedicated_lost(*this, reason);
}

void DedicatedConnection::shut() {
  state_ = State::kClosed;
  flush();
  close();
}

void DedicatedConnection::step() {
  if (state_ == State::kClosed) return;
  if (!has_agreed()) return agree();
  const bool takes_bytes = state_ == State::kLogin ? !waits_for_keys() : holder_.accepts_bytes();
  const Bytes input = gather(takes_bytes);
  std::size_t used = 0;
  if (state_ == State::kLogin) step_login(input, used);
  if (state_ == State::kRelay && used < input.size()) {
    holder_.dedicated_sent(input.subspan(used));
    used = input.size();
  }
  retain(used);
  if (std::exchange(refused_over_tls_, false)) {
    login_.restart();
    if (!retry_without_tls()) lose(CloseReason::kConnectFailed);
    return;
  }
  if (state_ == State::kClosed || (!broken() && !ended())) return;
  if (state_ == State::kLogin) return not_agreed();
  lose(CloseReason::kServerClosed);
}

void DedicatedConnection::drained() {
  if (state_ == State::kRelay) holder_.dedicated_drained();
}

ServerLogin::Outcome DedicatedConnection::ask_for_keys(std::string& out) {
  const auto keys = keys_.ask(login_.key_request(), *this);
  return keys ? login_.provide_keys(*keys, out) : ServerLogin::Outcome::kNeedsKeys;
}

void DedicatedConnection::keys_derived(const auth::ScramKeys& keys) {
  if (state_ != State::kLogin) return;
  std::string out;
  const auto outcome = login_.provide_keys(keys, out);
  send(out);
  if (outcome == ServerLogin::Outcome::kFailed) return lose(CloseReason::kLoginFailed);
  schedule();
}

void DedicatedConnection::step_login(Bytes input, std::size_t& used) {
  if (waits_for_keys()) return;  // it is our turn to speak
  std::string out;
  auto outcome = ServerLogin::Outcome::kContinue;
  while (outcome == ServerLogin::Outcome::kContinue) {
    const Piece piece = reader_.next(input.subspan(used), wire::kWholeFrameBytes);
    if (piece.kind == Piece::Kind::kNeedMore) break;
    if (piece.kind != Piece::Kind::kFrame) return lose(CloseReason::kProtocolError);
    used += piece.bytes.size();
    outcome = login_.on_message(piece.tag, piece.body(), out);
    if (outcome == ServerLogin::Outcome::kNeedsKeys) outcome = ask_for_keys(out);
    if (piece.tag == 'E') refusal_ = text_of(piece.bytes);
  }
  send(out);
  if (outcome == ServerLogin::Outcome::kFailed) {
    refused_over_tls_ = may_do_without_tls(login_.error());
    return refused_over_tls_ ? void() : lose(CloseReason::kLoginFailed);
  }
  if (outcome != ServerLogin::Outcome::kDone) return;
  keep_connection();
  state_ = State::kRelay;
  holder_.dedicated_ready(*this);
}

}  // namespace pgsaba::server
