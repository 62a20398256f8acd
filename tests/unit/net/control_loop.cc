#include "pgsaba/net/control_loop.h"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace pgsaba;
using namespace pgsaba::net;

namespace {

// A run that a broken test cannot hang.
void run_at_most_a_second(ControlLoop& loop) {
  const Watch limit = loop.after(kSecond, [&] {
    FAIL_CHECK("the loop was not stopped in time");
    loop.stop();
  });
  loop.run();
}

}  // namespace

TEST_CASE("timers fire in order, once or repeatedly") {
  ControlLoop loop;
  std::string order;
  const Micros start = monotonic_now();
  const Watch late = loop.after(20 * kMillisecond, [&] { order += 'c'; });
  const Watch soon = loop.after(kMillisecond, [&] { order += 'a'; });
  int repeats = 0;
  const Watch again = loop.every(10 * kMillisecond, [&] {
    order += 'b';
    if (++repeats == 3) loop.stop();
  });
  run_at_most_a_second(loop);
  CHECK(order.substr(0, 2) == "ab");
  CHECK(order.find('c') != std::string::npos);
  CHECK(repeats == 3);
  CHECK(monotonic_now() - start >= 28 * kMillisecond);
}

TEST_CASE("a dropped or replaced watch never fires") {
  ControlLoop loop;
  bool fired = false;
  {
    const Watch dropped = loop.after(0, [&] { fired = true; });
  }
  Watch replaced = loop.after(0, [&] { fired = true; });
  replaced = loop.after(5 * kMillisecond, [&] { loop.stop(); });
  CHECK(replaced);
  run_at_most_a_second(loop);
  CHECK_FALSE(fired);
}

TEST_CASE("a callback may end its own watch") {
  ControlLoop loop;
  int count = 0;
  Watch self;
  self = loop.every(kMillisecond, [&, keep = std::string(100, 'x')] {
    self.reset();
    count += static_cast<int>(keep.size());  // the callback's own state is still there
  });
  const Watch end = loop.after(20 * kMillisecond, [&] { loop.stop(); });
  run_at_most_a_second(loop);
  CHECK(count == 100);
}

TEST_CASE("mail from other threads arrives complete and in each sender's order") {
  ControlLoop loop;
  std::array<int, 2> last{-1, -1};
  int received = 0;
  const auto send = [&](std::size_t sender) {
    for (int number = 0; number < 1'000; ++number) {
      const bool posted = loop.post([&, sender, number] {
        CHECK(number == last[sender] + 1);
        last[sender] = number;
        if (++received == 2'000) loop.stop();
      });
      CHECK(posted);
    }
  };
  std::thread one(send, 0);
  std::thread two(send, 1);
  run_at_most_a_second(loop);
  one.join();
  two.join();
  CHECK(received == 2'000);
}

TEST_CASE("the queue of mail is bounded, and mail before stop still runs") {
  ControlLoop loop;
  std::size_t ran = 0;
  for (std::size_t index = 0; index < ControlLoop::kMaxMail; ++index) {
    if (!loop.post([&] { ++ran; })) FAIL("refused too early");
  }
  CHECK_FALSE(loop.post([&] { ++ran; }));
  loop.stop();  // before run
  run_at_most_a_second(loop);
  CHECK(ran == ControlLoop::kMaxMail);
}

TEST_CASE("mail that posts mail does not starve timers") {
  ControlLoop loop;
  std::function<void()> again = [&] { CHECK(loop.post(again)); };
  again();
  const Watch end = loop.after(5 * kMillisecond, [&] { loop.stop(); });
  run_at_most_a_second(loop);
}

TEST_CASE("signals") {
  ControlLoop loop;
  int caught = 0;
  auto watch = loop.on_signal(SIGUSR1, [&](int number) {
    caught = number;
    loop.stop();
  });
  REQUIRE(watch.ok());
  CHECK(loop.post([] { ::raise(SIGUSR1); }));
  run_at_most_a_second(loop);
  CHECK(caught == SIGUSR1);
  CHECK_FALSE(loop.on_signal(SIGKILL, [](int) {}).ok());
}

TEST_CASE("descriptors: readable, writable, closed by the peer, watched anew") {
  ControlLoop loop;
  std::array<int, 2> pair{};
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, pair.data()) == 0);
  std::string order;
  std::optional<Watch> watch;
  const auto on_ready = [&](Readiness ready) {
    char byte = 0;
    order += ready.readable ? (::read(pair[0], &byte, 1) == 1 ? 'r' : 'e') : '-';
    if (order.back() == 'r') ::close(pair[1]);
    if (order.back() == 'e') loop.stop();
  };
  watch = std::move(loop.watch_fd(pair[0], {.writable = true}, [&](Readiness ready) {
            order += ready.writable && !ready.readable ? 'w' : '?';
            watch.reset();
            watch = std::move(loop.watch_fd(pair[0], {.readable = true}, on_ready)).value();
            CHECK(::write(pair[1], "x", 1) == 1);
          })).value();
  run_at_most_a_second(loop);
  CHECK(order.substr(0, 3) == "wre");
  watch.reset();
  ::close(pair[0]);
  CHECK_FALSE(loop.watch_fd(pair[0], {.readable = true}, [](Readiness) {}).ok());
}

TEST_CASE("names, numbers and paths are looked up without blocking") {
  ControlLoop loop;
  std::vector<std::string> found;
  std::vector<Watch> watches;
  int answers = 0;
  bool inside_call = true;
  for (const char* host : {"127.0.0.1", "/run/x", "localhost", "no.such.name.invalid"}) {
    watches.push_back(loop.resolve(host, 5432, [&](ControlLoop::Addresses addresses) {
      CHECK_FALSE(inside_call);
      if (!addresses) found.push_back("error " + addresses.error().message.substr(0, 31));
      if (addresses) {
        for (const Address& address : *addresses) found.push_back(address.to_string());
      }
      if (++answers == 4) loop.stop();
    }));
  }
  inside_call = false;
  const Watch limit = loop.after(20 * kSecond, [&] { loop.stop(); });  // a slow resolver
  loop.run();
  CHECK(answers == 4);
  const auto has = [&](const std::string& text) {
    return std::find(found.begin(), found.end(), text) != found.end();
  };
  CHECK(has("127.0.0.1:5432"));
  CHECK(has("unix:/run/x/.s.PGSQL.5432"));
  CHECK(has("error the name \"no.such.name.invalid\""));
}

TEST_CASE("an abandoned look-up says nothing, also when its own callback abandons it") {
  ControlLoop loop;
  bool answered = false;
  {
    const Watch abandoned =
        loop.resolve("localhost", 1, [&](const ControlLoop::Addresses&) { answered = true; });
  }
  Watch self;
  self = loop.resolve("localhost", 1, [&](const ControlLoop::Addresses& addresses) {
    self.reset();
    CHECK(addresses.ok());
    loop.stop();
  });
  run_at_most_a_second(loop);
  CHECK_FALSE(answered);
}
