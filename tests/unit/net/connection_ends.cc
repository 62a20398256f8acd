// A Connection whose other side has closed, over real sockets: it has a turn to learn of that, and
// then no more, however long its owner keeps it.
#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <memory>

#include "pgsaba/net/connection.h"
#include "pgsaba/net/epoll_network.h"
#include "pgsaba/net/uring_network.h"

using namespace pgsaba;
using net::Connection;

namespace {

// Reads what there is, and draws no conclusion.
class Patient final : public Connection {
 public:
  explicit Patient(net::Turn& turn, Side side) : Connection(turn, side) {}
  int steps = 0;
  std::size_t bytes = 0;
  bool reads = true;

  void step() override {
    ++steps;
    const std::size_t count = gather(reads).size();
    retain(count);
    bytes += count;
  }
};

enum class End { kHalf, kWhole, kReset };

void close_far_side(int far, End how) {
  if (how == End::kHalf) {
    REQUIRE(::shutdown(far, SHUT_WR) == 0);
  } else {
    ::close(far);  // a reset, if it has not read all
  }
}

struct Case {
  bool uring;
  Connection::Side side;
  End how;
  bool reads;
  std::size_t said;  // before the end
};

void check_rest(const Case& one) {
  CAPTURE(one.uring);
  CAPTURE(one.side);
  CAPTURE(one.how);
  CAPTURE(one.reads);
  CAPTURE(one.said);
  std::unique_ptr<net::Network> network;
  if (one.uring) {
    auto made = net::UringNetwork::create();
    if (!made) return;  // this kernel has none
    network = std::move(*made);
  } else {
    auto made = net::EpollNetwork::create();
    REQUIRE(made);
    network = std::move(*made);
  }
  net::Turn turn(*network);
  std::array<int, 2> ends{};
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()) == 0);
  {
    Patient patient(turn, one.side);
    patient.reads = one.reads;
    patient.attach(ends[0]);
    const auto run_turns = [&](int count) {
      for (int i = 0; i < count; ++i) {
        network->wait(0);
        turn.step_all();
        turn.flush_all();
      }
    };
    run_turns(3);
    if (one.how == End::kReset) {
      patient.send("never read");
      run_turns(1);
    }
    const std::string text(one.said, 'x');
    REQUIRE(::write(ends[1], text.data(), text.size()) == static_cast<ssize_t>(text.size()));
    close_far_side(ends[1], one.how);
    run_turns(20);
    if (one.reads) CHECK((patient.ended() || patient.broken()));
    const int steps = patient.steps;
    CHECK(steps <= 4);
    run_turns(1'000);
    CHECK(patient.steps == steps);
    CHECK_FALSE(turn.work_left());
  }
  if (one.how == End::kHalf) ::close(ends[1]);
}

}  // namespace

TEST_CASE("a connection whose other side has closed has no more turns") {
  for (const bool uring : {false, true})
    for (const auto side : {Connection::Side::kServer, Connection::Side::kClient})
      for (const End how : {End::kHalf, End::kWhole, End::kReset})
        for (const bool reads : {true, false})
          for (const std::size_t said : {std::size_t{0}, std::size_t{100}})
            check_rest({uring, side, how, reads, said});
}
