// HttpConnection: one client of the HttpServer, from its first byte to the last of its answer.
//
//   kReading ─its request is here─> kAsked ─the page is known─> kSending ─all is sent─> kOver
//   kReading ─it is refused─> kSending ─all is sent─> kLeaving ─it has gone─> kOver
//   every state ─it broke, or its time was over─> kOver
//
// Whoever is refused may be in the middle of a word: closing at once would reset the connection,
// and our answer be lost with it.
//
// Owned by the server, on its thread.
#pragma once

#include <memory>
#include <string>

#include "control/http_message.h"
#include "control/http_server.h"
#include "pgsaba/base/log.h"
#include "pgsaba/net/connection.h"

namespace pgsaba::control {

class HttpConnection final : public net::Connection {
 public:
  enum class State : std::uint8_t { kReading, kAsked, kSending, kLeaving, kOver };

  HttpConnection(net::Turn& turn, std::uint64_t number, const HttpServer::Ask& ask)
      : Connection(turn, Side::kClient), number_(number), ask_(ask), since_(turn.now) {}

  void open(net::Socket socket, const net::TlsContext* tls) {
    attach(socket);
    if (tls != nullptr) start_tls(tls->accept(), {});
  }

  void step() override {
    const std::string_view received = text_of(gather(true));
    if (state_ != State::kReading) return retain(received.size());  // it has asked already
    HttpHead head = read_http_head(received);
    if (head.verdict == HttpHead::Verdict::kIncomplete) {
      retain(0);
      if (ended()) move(State::kOver);
      return;
    }
    retain(received.size());
    with_body_ = head.with_body;
    refused_ = head.verdict == HttpHead::Verdict::kRefused;
    if (refused_) return answer(head.refusal);
    move(State::kAsked);
    ask_(number_, std::move(head.request));
  }

  void answer(const HttpReply& reply) {
    move(State::kSending);
    send(http_text(reply, with_body_));
  }

  // At the end of a turn: whether it is to be closed.
  bool over() {
    if (state_ == State::kSending && sent_all()) move(refused_ ? State::kLeaving : State::kOver);
    if (broken() || (state_ == State::kLeaving && ended())) move(State::kOver);
    if (turn().now - since_ >= patience()) {
      if (state_ != State::kAsked) return true;
      answer({.status = 503, .body = "no answer from the workers in time\n"});
    }
    return state_ == State::kOver;
  }
  bool asks() const { return state_ == State::kReading; }
  bool waits() const { return state_ == State::kAsked; }

 private:
  void secured() override {
    if (!tls_failure().empty()) log::debug("HTTP: TLS failed: {}", tls_failure());
  }
  void move(State to) {
    state_ = to;
    since_ = turn().now;
  }
  Micros patience() const {
    switch (state_) {
      case State::kReading:
        return HttpServer::kRequestUs;
      case State::kAsked:
        return HttpServer::kPageUs;
      case State::kLeaving:
        return HttpServer::kLeaveUs;
      default:
        return HttpServer::kSendUs;
    }
  }

  std::uint64_t number_;
  const HttpServer::Ask& ask_;
  Micros since_;
  State state_ = State::kReading;
  bool with_body_ = true;
  bool refused_ = false;
};

}  // namespace pgsaba::control
