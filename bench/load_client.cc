#include "load_client.h"

#include <unistd.h>

#include "sockets.h"

namespace bench {
namespace {

// "SQLSTATE message" of an ErrorResponse.
std::string error_text(std::string_view body) {
  std::string sqlstate;
  std::string message;
  while (!body.empty() && body.front() != '\0') {
    const std::size_t end = std::min(body.find('\0'), body.size());
    if (body.front() == 'C') sqlstate = body.substr(1, end - 1);
    if (body.front() == 'M') message = body.substr(1, end - 1);
    body.remove_prefix(std::min(end + 1, body.size()));
  }
  return sqlstate + " " + message;
}

}  // namespace

void LoadClient::open(int fd) {
  fd_ = fd;
  if (tls_setup_ != nullptr) tls_.emplace(*tls_setup_, fd);
  scanner_ = {};
  state_ = State::kConnecting;
  round_began_ = Clock::now();
  next_step_ = 0;
  pending_ = startup_;
  sent_ = 0;
  replies_left_ = 1;
}

void LoadClient::start(std::uint64_t max_rounds, Clock::duration interval,
                       Clock::time_point first) {
  max_rounds_ = max_rounds;
  rounds_ = 0;
  interval_ = interval;
  due_ = first;
  state_ = interval_.count() > 0 ? State::kResting : State::kRunning;
  if (state_ == State::kRunning) begin_round();
}

// A round that begins late is measured from when it was due.
void LoadClient::go_on() {
  state_ = State::kRunning;
  begin_round();
  round_began_ = due_;
  due_ += interval_;
}

void LoadClient::begin_round() {
  round_began_ = Clock::now();
  next_step_ = 0;
  send(script_.steps[next_step_++]);
}

void LoadClient::send(const Step& step) {
  pending_ = step.bytes;
  sent_ = 0;
  replies_left_ = step.replies;
  write_more();
}

// With TLS, hands are shaken first.
bool LoadClient::is_ready_to_talk() {
  if (!tls_ || tls_->open()) return true;
  if (!tls_->advance()) {
    lose("the TLS handshake failed");
    return false;
  }
  return tls_->open();
}

long LoadClient::receive_some(std::span<char> block) {
  return tls_ ? tls_->receive(block.data(), block.size())
              : receive(fd_, block.data(), block.size());
}

void LoadClient::write_more() {
  if (!is_ready_to_talk()) return;
  while (wants_write()) {
    const char* from = pending_.data() + sent_;
    const std::size_t left = pending_.size() - sent_;
    const long sent = tls_ ? tls_->transmit(from, left) : transmit(fd_, from, left);
    if (sent == 0) return lose("connection broken while writing");
    if (sent < 0) return;
    sent_ += static_cast<std::size_t>(sent);
  }
}

void LoadClient::receive_events(std::span<char> block) {
  if (tls_ && !tls_->open()) {
    write_more();
    if (fd_ < 0 || !tls_->open()) return;
  }
  const long size = receive_some(block);
  if (size < 0) return;
  if (size == 0) return lose("connection closed by the server");
  result_.bytes += static_cast<std::uint64_t>(size);
  scanner_.feed({block.data(), static_cast<std::size_t>(size)},
                [this](char tag, std::string_view body) { on_message(tag, body); });
}

void LoadClient::on_message(char tag, std::string_view body) {
  if (tag == 'E') result_.add_error(error_text(body));
  if (tag == 'Z' && --replies_left_ == 0) on_replies_complete();
}

void LoadClient::on_replies_complete() {
  if (state_ == State::kRunning) {
    if (next_step_ < script_.steps.size()) return send(script_.steps[next_step_++]);
    return finish_round();
  }
  state_ = State::kPrologue;
  if (next_step_ < script_.prologue.size()) return send(script_.prologue[next_step_++]);
  state_ = State::kReady;
  if (script_.reconnects) finish_round();
}

void LoadClient::finish_round() {
  const auto took = std::chrono::nanoseconds(Clock::now() - round_began_);
  result_.latency_ns.record(static_cast<std::uint64_t>(took.count()));
  result_.transactions += script_.transactions;
  if (script_.reconnects) return;
  if (++rounds_ == max_rounds_) {
    state_ = State::kDone;
  } else if (interval_.count() > 0) {
    state_ = State::kResting;
  } else {
    begin_round();
  }
}

void LoadClient::leave() {
  if (fd_ < 0) return;
  static const std::string terminate = terminate_message();
  if (tls_ && tls_->open()) {
    tls_->transmit(terminate.data(), terminate.size());
  } else if (!tls_) {
    transmit(fd_, terminate.data(), terminate.size());
  }
  tls_.reset();
  close(fd_);
  fd_ = -1;
}

void LoadClient::lose(std::string_view why) {
  result_.add_error(why);
  tls_.reset();
  close(fd_);
  fd_ = -1;
  state_ = State::kLost;
}

}  // namespace bench
