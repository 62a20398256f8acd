// ControlLoop: the event loop of the control thread: timers, signals, sockets of others (libpq),
// name look-ups, and mail from any thread. Everything that is not a query runs on it. Owning
// thread: the one that calls run(); only post() and stop() may be called from others. Lifetime: the
// loop outlives every Watch it gave. Its destructor waits for look-ups in flight, since the
// resolver cannot be interrupted. Callbacks run one at a time, on the loop's thread, never from
// inside the call that set them up. Durations are microseconds, rounded up to whole milliseconds
// (libuv's resolution).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "pgsaba/base/clock.h"
#include "pgsaba/base/result.h"
#include "pgsaba/net/address.h"

namespace pgsaba::net {

// While a Watch lives its callback may run; destroying or resetting it, also from inside that
// callback, ends it at once. A default-made Watch watches nothing.
class Watch {
 public:
  struct State;  // in control_loop.cc

  Watch() = default;
  explicit Watch(State* state) : state_(state) {}
  Watch(Watch&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
  Watch& operator=(Watch&& other) noexcept {
    if (this != &other) {
      reset();
      state_ = std::exchange(other.state_, nullptr);
    }
    return *this;
  }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  ~Watch() { reset(); }

  explicit operator bool() const { return state_ != nullptr; }
  void reset();

 private:
  State* state_ = nullptr;
};

// What a socket is watched for, or ready for. An error makes it ready for both, so that the
// watcher's next read or write meets the error.
struct Readiness {
  bool readable = false;
  bool writable = false;
};

class ControlLoop {
 public:
  using Callback = std::function<void()>;
  using Addresses = Result<std::vector<Address>>;

  static constexpr std::size_t kMaxMail = 65'536;  // posts that wait to run

  ControlLoop();
  ~ControlLoop();
  ControlLoop(const ControlLoop&) = delete;
  ControlLoop& operator=(const ControlLoop&) = delete;

  // Runs until stop(), which may also come first.
  void run();
  // Any thread, also a callback. Mail posted before it still runs.
  void stop();
  // Any thread: runs `callback` on the loop, in the order of posting. False: kMaxMail wait already,
  // and this one was dropped.
  [[nodiscard]] bool post(Callback callback);

  [[nodiscard]] Watch after(Micros delay, Callback callback);
  [[nodiscard]] Watch every(Micros interval, Callback callback);
  Result<Watch> on_signal(int number, std::function<void(int number)> callback);
  // The fd stays the caller's, who closes it only after the Watch is gone. One Watch per fd.
  Result<Watch> watch_fd(int fd, Readiness interest, std::function<void(Readiness)> callback);
  // Looks up `host` (name, numeric address, or directory of a Unix socket) without blocking. The
  // addresses come in the resolver's order, without repetitions, never empty.
  [[nodiscard]] Watch resolve(const std::string& host, std::uint16_t port,
                              std::function<void(Addresses)> callback);

 private:
  struct Core;  // what touches libuv
  std::unique_ptr<Core> core_;
};

}  // namespace pgsaba::net
