// A Connection with TLS, over a network that takes as little as the test wants.
#include <doctest/doctest.h>

#include <map>

#include "certificates.h"
#include "pgsaba/net/connection.h"

using namespace pgsaba;
using net::Connection;
using net::HandshakeStep;
using net::IoResult;
using net::TlsContext;
using net::TlsSession;

namespace {

using Block = std::vector<std::uint8_t>;

class ChoppyNetwork final : public net::Network {
 public:
  std::string in;
  std::string out;
  std::size_t takes = SIZE_MAX;  // bytes of each write
  std::size_t gives = SIZE_MAX;  // bytes of each read
  int reads = 0;
  int writes = 0;
  bool closed = false;

  IoResult receive(net::Socket, std::span<std::uint8_t> into) override {
    ++reads;
    const std::size_t count = std::min({into.size(), in.size(), gives});
    std::copy_n(in.begin(), count, into.begin());
    in.erase(0, count);
    return {count > 0 ? IoResult::Kind::kDone : IoResult::Kind::kWouldBlock, count};
  }
  IoResult send(net::Socket, Bytes first, Bytes second) override {
    ++writes;
    const std::string all = std::string(text_of(first)) + std::string(text_of(second));
    const std::size_t count = std::min(all.size(), takes);
    out += all.substr(0, count);
    return {IoResult::Kind::kDone, count};
  }
  Result<net::Socket> connect(const net::Address&, const net::SocketOptions&) override { return 1; }
  void watch(net::Socket, net::Pollable&) override {}
  void watch_listener(net::Socket, net::Pollable&) override {}
  void unwatch(net::Socket) override {}
  net::Socket accept(net::Socket, const net::SocketOptions&) override { return net::kNoSocket; }
  net::Socket duplicate(net::Socket) override { return net::kNoSocket; }
  void close(net::Socket) override { closed = true; }
  net::Address peer_address(net::Socket) override { return {}; }
  std::optional<uid_t> peer_user(net::Socket) override { return std::nullopt; }
  net::Address local_address(net::Socket) override { return {}; }
  void wait(Micros) override {}
  void wake() override {}
};

class Talker final : public Connection {
 public:
  explicit Talker(net::Turn& turn, Side side = Side::kClient) : Connection(turn, side) {
    attach(1);
  }
  void go_to(net::Turn& turn) {
    detach();
    move_to(turn);
    attach(1);
  }
  void begin_tls(std::unique_ptr<TlsSession> session) { start_tls(std::move(session), {}); }
  void step() override {
    const Bytes input = gather(true);
    heard += text_of(input.first(input.size() - input.size() % 3));  // the rest stays as carry
    retain(input.size() - input.size() % 3);
  }
  void secured() override { ++secured_count; }
  void drained() override { ++drained_count; }

  std::string heard;
  int secured_count = 0;
  int drained_count = 0;
};

struct Line {
  ChoppyNetwork network;
  net::Turn turn{network};
  std::unique_ptr<Talker> talker = std::make_unique<Talker>(turn);
  std::unique_ptr<TlsSession> peer;
  std::string opened;

  Line() {
    net::TlsOptions options;
    options.identities = {testing::make_identity("db.test", "")};
    talker->begin_tls((*TlsContext::make(TlsContext::Side::kToClients, options))->accept());
    peer = (*TlsContext::make(TlsContext::Side::kToServers, {}))->connect("");
  }

  void round() {
    talker->ready({.readable = true, .writable = true});
    while (turn.work_left()) turn.step_all();
    turn.flush_all();
  }
  void shake_hands() {
    Block to_send;
    auto state = peer->shake_hands({}, to_send);
    while (state == TlsSession::Handshake::kGoesOn) {
      network.in += text_of(to_send);
      round();
      to_send.clear();
      state = peer->shake_hands(bytes_of(std::exchange(network.out, {})), to_send);
    }
    REQUIRE(state == TlsSession::Handshake::kDone);
    network.in += text_of(to_send);
    round();
  }
  void say(std::string_view text) {
    Block sealed;
    peer->write(bytes_of(text), sealed);
    network.in += text_of(sealed);
  }
  bool listen() {  // false: the end
    const std::string sealed = std::exchange(network.out, {});
    Block into(sealed.size() + TlsSession::kKeptBytes);
    Block answers;
    const auto read = peer->read(bytes_of(sealed), into, answers);
    opened += text_of(Bytes(into).first(read.count));
    REQUIRE_FALSE(read.failed);
    return !read.ended;
  }
};

std::string some_text(std::size_t size) {
  std::string text;
  for (std::size_t i = 0; text.size() < size; ++i) text += std::to_string(i) + ' ';
  return text.substr(0, size);
}

}  // namespace

TEST_CASE("nothing is said before hands are shaken, and then all of it") {
  Line line;
  line.talker->send(std::string_view("too early"));
  line.turn.flush_all();
  CHECK(line.network.out.empty());
  CHECK(line.talker->tls() == nullptr);
  line.shake_hands();
  CHECK(line.talker->secured_count == 1);
  CHECK(line.talker->tls() != nullptr);
  line.listen();
  CHECK(line.opened == "too early");
}

TEST_CASE("one read and one write a turn, as without TLS") {
  Line line;
  line.shake_hands();
  line.network.reads = line.network.writes = 0;
  for (int i = 0; i < 5; ++i) line.say("abc");
  line.round();
  CHECK(line.talker->heard == "abcabcabcabcabc");
  CHECK(line.network.reads == 1);
  for (int i = 0; i < 5; ++i) line.talker->send(std::string_view("xyz"));
  line.turn.flush_all();
  CHECK(line.network.writes == 1);
  line.listen();
  CHECK(line.opened == "xyzxyzxyzxyzxyz");
}

TEST_CASE("bytes stay in order however little the network takes and gives") {
  for (const std::size_t takes : {std::size_t{1'000}, std::size_t{16'401}, std::size_t{70'000}}) {
    CAPTURE(takes);
    Line line;
    line.shake_hands();
    line.network.takes = takes;
    const std::string text = some_text(300'000);
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t size = at % 2 == 0 ? 20'001 : 999;  // at once from where they lie, or not
      line.talker->send(std::string_view(text).substr(at, size));
      at += std::min(size, text.size() - at);
    }
    for (int i = 0; i < 1'000 && !line.talker->sent_all(); ++i) {
      line.talker->ready({.writable = true});
      line.turn.flush_all();
    }
    REQUIRE(line.talker->sent_all());
    line.listen();
    CHECK(line.opened == text);
    line.network.gives = takes;
    const std::string back = some_text(90'000);
    line.say(back);
    for (int i = 0; i < 1'000 && !line.network.in.empty(); ++i) line.round();
    CHECK(line.talker->heard == back);
  }
}

TEST_CASE("large writes are few system calls") {
  Line line;
  line.shake_hands();
  line.network.writes = 0;
  line.talker->send(some_text(262'144));
  line.turn.flush_all();
  CHECK(line.network.writes == 2);  // of eight records each
}

TEST_CASE("whoever feeds it is told when it can take more") {
  Line line;
  line.shake_hands();
  line.network.takes = 50'000;
  line.talker->send(some_text(400'000));
  CHECK(line.talker->congested());
  for (int i = 0; i < 1'000 && !line.talker->sent_all(); ++i) {
    line.talker->ready({.writable = true});
    line.turn.flush_all();
  }
  CHECK(line.talker->drained_count == 1);
}

TEST_CASE("a connection may go on in another worker, which has had no TLS so far") {
  Line line;
  line.shake_hands();
  line.listen();
  net::Turn other(line.network);
  line.talker->go_to(other);
  line.say("abcdef");
  line.talker->ready({.readable = true, .writable = true});
  other.step_all();
  CHECK(line.talker->heard == "abcdef");
  CHECK_FALSE(line.talker->ended());
  line.talker->send(std::string_view("there"));
  other.flush_all();
  line.listen();
  CHECK(line.opened == "there");
  line.talker.reset();
}

TEST_CASE("the peer is told of the end") {
  Line line;
  line.shake_hands();
  line.listen();
  line.talker->send(std::string_view("bye"));
  line.talker->flush();
  line.talker->close();
  CHECK_FALSE(line.listen());
  CHECK(line.opened == "bye");
}

TEST_CASE("a session that is away does not come back to a connection that has gone") {
  Line line;
  std::vector<HandshakeStep> away;
  line.turn.handshakes.send_to([&](HandshakeStep step) { away.push_back(std::move(step)); });
  Block hello;
  line.peer->shake_hands({}, hello);
  line.network.in += text_of(hello);
  line.round();
  REQUIRE(away.size() == 1);
  line.network.in += "more";
  line.round();  // stays with the kernel
  CHECK(line.network.in == "more");
  line.talker.reset();
  away.front().compute();
  line.turn.handshakes.deliver(std::move(away.front()));
  CHECK(line.network.closed);
}

TEST_CASE("few handshakes are under way at a time, servers first, and none for who has left") {
  ChoppyNetwork network;
  net::Turn turn(network);
  std::vector<HandshakeStep> away;
  turn.handshakes.send_to([&](HandshakeStep step) { away.push_back(std::move(step)); });
  const auto context = *TlsContext::make(TlsContext::Side::kToServers, {});
  std::vector<std::unique_ptr<Talker>> clients;
  const auto begin = [&](Connection::Side side) {
    clients.push_back(std::make_unique<Talker>(turn, side));
    clients.back()->begin_tls(context->connect(""));
    if (side == Connection::Side::kClient) {
      network.in = "hello";
      clients.back()->ready({.readable = true});
      turn.step_all();
    }
  };
  for (int i = 0; i < 7; ++i) begin(Connection::Side::kClient);
  CHECK(away.size() == 4);
  begin(Connection::Side::kServer);
  CHECK(away.size() == 4);
  clients[5].reset();
  std::vector<std::uint64_t> order;
  while (!away.empty()) {
    HandshakeStep step = std::move(away.front());
    away.erase(away.begin());
    order.push_back(step.number);
    turn.handshakes.deliver(std::move(step));
  }
  CHECK(order == std::vector<std::uint64_t>{1, 2, 3, 4, 8, 5, 7});
}
