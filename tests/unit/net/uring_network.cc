// UringNetwork over real sockets, beside EpollNetwork: what owners see has to be the same.
#include "pgsaba/net/uring_network.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>
#include <string>
#include <utility>
#include <vector>

using namespace pgsaba;
using net::IoResult;

namespace {

class Owner final : public net::Pollable {
 public:
  int reads_reported = 0;
  int error = 0;
  bool writable = false;
  std::string came_back;
  void ready(net::SocketReadiness readiness) override {
    if (readiness.readable) ++reads_reported;
    if (readiness.writable) writable = true;
  }
  void not_sent(int why, Bytes rest) override {
    error = why;
    came_back += text_of(rest);
  }
};

struct Pair {
  net::Network& network;
  Owner owner;
  int near = -1;
  int far = -1;
  explicit Pair(net::Network& of) : network(of) {
    std::array<int, 2> ends{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()) == 0);
    near = ends[0];
    far = ends[1];
    network.watch(near, owner);
  }
  Pair(const Pair&) = delete;
  Pair& operator=(const Pair&) = delete;
  ~Pair() {
    if (near >= 0) network.close(near);
    if (far >= 0) ::close(far);
  }
  void arrives(std::string_view text) const {
    REQUIRE(::write(far, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  }
  std::string left_behind() const {
    std::string all;
    std::array<char, 65'536> block{};
    for (ssize_t count = 0; (count = ::read(far, block.data(), block.size())) > 0;)
      all.append(block.data(), static_cast<std::size_t>(count));
    return all;
  }
  IoResult send(std::string_view text) { return network.send(near, bytes_of(text), {}); }
  // As a Connection reads: a short read says that nothing more is there.
  std::string read_all(std::size_t room = 65'536) {
    std::string all;
    std::vector<std::uint8_t> block(room);
    IoResult result;
    do {
      result = network.receive(near, block);
      all.append(block.begin(), block.begin() + static_cast<std::ptrdiff_t>(result.count));
    } while (result.kind == IoResult::Kind::kDone && result.count == room);
    return all;
  }
};

std::unique_ptr<net::Network> network_of(bool uring) {
  if (!uring) {
    auto plain = net::EpollNetwork::create();
    REQUIRE(plain);
    return std::move(*plain);
  }
  auto made = net::UringNetwork::create();
  if (made) return std::move(*made);
  MESSAGE("not run: " << made.error().message);
  return nullptr;
}

template <typename Test>
void with_both(Test test) {
  for (const bool uring : {false, true}) {
    CAPTURE(uring);
    if (const auto network = network_of(uring)) test(*network);
  }
}

}  // namespace

TEST_CASE("what is sent is with the kernel after submit, in order, once") {
  with_both([](net::Network& network) {
    Pair one(network);
    Pair two(network);
    Pair three(network);
    for (int turn = 0; turn < 3; ++turn) {
      CHECK(one.send("one ").count == 4);
      CHECK(two.network.send(two.near, bytes_of("two"), bytes_of(" parts")).count == 9);
      CHECK(one.send("again").count == 5);
      CHECK(one.send(std::string(5'000, 'x')).count == 5'000);
      network.submit();
      CHECK(one.left_behind() == "one again" + std::string(5'000, 'x'));
      CHECK(two.left_behind() == "two parts");
      CHECK(three.left_behind().empty());
    }
  });
}

TEST_CASE("what was sent is not lost by closing") {
  with_both([](net::Network& network) {
    Pair one(network);
    Pair two(network);
    one.send("farewell");
    two.send("stays");
    network.close(std::exchange(one.near, -1));
    CHECK(one.left_behind() == "farewell");
    network.submit();
    CHECK(two.left_behind() == "stays");
  });
}

TEST_CASE("each byte that arrives is read once, however much and whenever it comes") {
  with_both([](net::Network& network) {
    for (const std::size_t size : {1UL, 100UL, 2'047UL, 2'048UL, 2'049UL, 30'000UL}) {
      CAPTURE(size);
      Pair one(network);
      Pair two(network);
      network.wait(0);  // both are writable
      for (int turn = 0; turn < 3; ++turn) {
        one.owner.reads_reported = two.owner.reads_reported = 0;
        const std::string text(size, static_cast<char>('a' + turn));
        one.arrives(text);
        two.arrives(text);
        network.wait(0);
        CHECK(one.owner.reads_reported == 1);
        CHECK(two.owner.reads_reported == 1);
        one.arrives("!");  // behind what may have been read already
        network.wait(0);
        const std::string all = one.read_all();
        CHECK(all == text + "!");
        CHECK(two.read_all(size % 100 + 1) == text);
        network.wait(0);
        CHECK(one.read_all().empty());
      }
    }
  });
}

TEST_CASE("an end is seen behind the last bytes") {
  with_both([](net::Network& network) {
    Pair one(network);
    Pair two(network);
    network.wait(0);
    one.arrives("last");
    two.arrives("last");
    ::close(std::exchange(one.far, -1));
    ::close(std::exchange(two.far, -1));
    network.wait(0);
    CHECK(one.read_all() == "last");
    std::array<std::uint8_t, 8> block{};
    CHECK(network.receive(one.near, block).kind == IoResult::Kind::kEnd);
    CHECK(two.read_all() == "last");
    CHECK(network.receive(two.near, block).kind == IoResult::Kind::kEnd);
  });
}

TEST_CASE("what a full socket does not take comes back, and a broken one tells why") {
  const auto network = network_of(true);
  if (!network) return;
  Pair full(*network);
  Pair broken(*network);
  std::string all(1'000'000, 'f');
  all.resize(full.send(all).count);
  ::close(std::exchange(broken.far, -1));
  CHECK(full.send("more").count == 4);
  CHECK(broken.send("lost").count == 4);
  network->submit();
  CHECK(full.owner.came_back == "more");
  CHECK(full.owner.error == 0);
  CHECK(broken.owner.error == EPIPE);
  CHECK(broken.send("more").kind == IoResult::Kind::kFailed);
  full.owner.writable = false;
  CHECK(full.left_behind() == all);
  network->wait(0);
  CHECK(full.owner.writable);
  CHECK(full.send("more").count == 4);
  network->submit();
  CHECK(full.left_behind() == "more");
}

TEST_CASE("a socket that somebody else goes on with is not read ahead") {
  const auto network = network_of(true);
  if (!network) return;
  Pair one(*network);
  Pair two(*network);
  for (const char* word : {"first", "early"}) {
    network->wait(0);
    one.arrives(word);
    two.arrives(word);
    network->wait(0);
    if (std::string(word) == "early") break;
    // Nobody has read from them yet: they may be another process's.
    const net::Socket copy = network->duplicate(one.near);
    REQUIRE(copy != net::kNoSocket);
    std::array<char, 8> block{};
    CHECK(::read(copy, block.data(), block.size()) == 5);
    ::close(copy);
    CHECK(one.read_all().empty());
    CHECK(two.read_all() == "first");
  }
  CHECK(network->duplicate(one.near) == net::kNoSocket);
  CHECK(one.read_all() == "early");
  const net::Socket copy = network->duplicate(one.near);
  REQUIRE(copy != net::kNoSocket);
  CHECK(two.read_all() == "early");
  one.arrives("late");
  two.arrives("late");
  network->wait(0);
  std::array<char, 8> block{};
  CHECK(::read(copy, block.data(), block.size()) == 4);
  ::close(copy);
}

TEST_CASE("more sockets than one call takes") {
  const auto network = network_of(true);
  if (!network) return;
  std::vector<std::unique_ptr<Pair>> pairs;
  for (int i = 0; i < 300; ++i) pairs.push_back(std::make_unique<Pair>(*network));
  for (int turn = 0; turn < 2; ++turn) {
    for (std::size_t i = 0; i < pairs.size(); ++i) {
      pairs[i]->arrives("ask " + std::to_string(i));
      pairs[i]->send(std::string(1'000, static_cast<char>('a' + i % 26)));
    }
    network->submit();
    network->wait(0);
    network->wait(0);
    for (std::size_t i = 0; i < pairs.size(); ++i) {
      CHECK(pairs[i]->read_all() == "ask " + std::to_string(i));
      CHECK(pairs[i]->left_behind() == std::string(1'000, static_cast<char>('a' + i % 26)));
    }
  }
}
