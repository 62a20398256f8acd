#include "pgsaba/net/control_loop.h"

#include <uv.h>

#include <algorithm>
#include <cassert>
#include <mutex>
#include <utility>

namespace pgsaba::net {

// A Watch owns its State until it cancels; from then on libuv does, which calls back once more when
// it has let go of the handle or request.
struct Watch::State {
  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  virtual ~State() = default;
  virtual void cancel() = 0;
};

void Watch::reset() {
  if (State* state = std::exchange(state_, nullptr)) state->cancel();
}

namespace {

// libuv counts whole milliseconds; rounded up, so that a short delay is not none.
std::uint64_t to_ms(Micros duration) {
  return duration <= 0 ? 0 : static_cast<std::uint64_t>((duration + 999) / kMillisecond);
}

Error error_of(int status, const std::string& what) {
  return Error{what + ": " + ::uv_strerror(status)};
}

template <class Handle, class... Arguments>
struct HandleWatch final : Watch::State {
  explicit HandleWatch(std::function<void(Arguments...)> run) : callback(std::move(run)) {
    handle.data = this;
  }
  // libuv calls no callback of a closing handle, except the one that says it is closed.
  void cancel() override {
    ::uv_close(reinterpret_cast<uv_handle_t*>(&handle),
               [](uv_handle_t* closed) { delete static_cast<HandleWatch*>(closed->data); });
  }
  static HandleWatch& of(Handle* handle) { return *static_cast<HandleWatch*>(handle->data); }

  Handle handle{};
  std::function<void(Arguments...)> callback;
};

using TimerWatch = HandleWatch<uv_timer_t>;
using SignalWatch = HandleWatch<uv_signal_t, int>;
using FdWatch = HandleWatch<uv_poll_t, Readiness>;

struct LookupWatch final : Watch::State {
  explicit LookupWatch(std::function<void(ControlLoop::Addresses)> run) : callback(std::move(run)) {
    request.data = this;
  }
  void cancel() override {
    if (delivered) {
      delete this;
      return;
    }
    abandoned = true;
    ::uv_cancel(reinterpret_cast<uv_req_t*>(&request));  // helps only while it is still queued
  }
  void deliver(ControlLoop::Addresses addresses) {
    if (!abandoned) callback(std::move(addresses));  // may abandon us
    delivered = true;
    if (abandoned) delete this;
  }

  uv_getaddrinfo_t request{};
  std::string host;
  std::function<void(ControlLoop::Addresses)> callback;
  bool abandoned = false;
  bool delivered = false;
};

ControlLoop::Addresses addresses_of(const addrinfo* found, const LookupWatch& lookup) {
  std::vector<Address> addresses;
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
    const Address address = Address::from_sockaddr(one->ai_addr, one->ai_addrlen);
    if (address.family() == Address::Family::kNone) continue;
    if (std::find(addresses.begin(), addresses.end(), address) == addresses.end()) {
      addresses.push_back(address);
    }
  }
  if (addresses.empty()) return Error{"the name \"" + lookup.host + "\" has no address"};
  return addresses;
}

void on_lookup(uv_getaddrinfo_t* request, int status, addrinfo* found) {
  LookupWatch& lookup = *static_cast<LookupWatch*>(request->data);
  ControlLoop::Addresses addresses =
      status == 0 ? addresses_of(found, lookup)
                  : ControlLoop::Addresses(
                        error_of(status, "the name \"" + lookup.host + "\" was not found"));
  ::uv_freeaddrinfo(found);
  lookup.deliver(std::move(addresses));
}

}  // namespace

struct ControlLoop::Core {
  uv_loop_t loop{};
  uv_async_t wake_up{};
  std::mutex mutex;
  std::vector<Callback> mail;  // under the mutex
  bool stopping = false;       // under the mutex

  // Runs what was posted so far; what is posted meanwhile comes next round, so that mail which
  // posts mail cannot starve timers and sockets.
  void deliver_mail() {
    std::vector<Callback> batch;
    bool last = false;
    {
      const std::lock_guard lock(mutex);
      batch.swap(mail);
      last = std::exchange(stopping, false);
    }
    for (const Callback& callback : batch) callback();
    if (last) ::uv_stop(&loop);
  }

  Watch start_timer(Micros delay, Micros repeat, Callback callback) {
    auto* timer = new TimerWatch(std::move(callback));
    ::uv_timer_init(&loop, &timer->handle);
    // libuv counts from the time it last looked at; a busy callback would make the timer early.
    ::uv_update_time(&loop);
    ::uv_timer_start(
        &timer->handle, [](uv_timer_t* fired) { TimerWatch::of(fired).callback(); }, to_ms(delay),
        to_ms(repeat));
    return Watch(timer);
  }
};

ControlLoop::ControlLoop() : core_(std::make_unique<Core>()) {
  // Both fail only when the process is out of descriptors at its very start: nothing can run then.
  int status = ::uv_loop_init(&core_->loop);
  assert(status == 0);
  core_->wake_up.data = core_.get();
  status = ::uv_async_init(&core_->loop, &core_->wake_up, [](uv_async_t* handle) {
    static_cast<Core*>(handle->data)->deliver_mail();
  });
  assert(status == 0);
  static_cast<void>(status);
}

ControlLoop::~ControlLoop() {
  ::uv_close(reinterpret_cast<uv_handle_t*>(&core_->wake_up), nullptr);
  ::uv_run(&core_->loop, UV_RUN_DEFAULT);  // until closing handles and look-ups are done
  const int status = ::uv_loop_close(&core_->loop);
  assert(status == 0 && "a Watch outlives its ControlLoop");
  static_cast<void>(status);
}

void ControlLoop::run() { ::uv_run(&core_->loop, UV_RUN_DEFAULT); }

void ControlLoop::stop() {
  {
    const std::lock_guard lock(core_->mutex);
    core_->stopping = true;
  }
  ::uv_async_send(&core_->wake_up);
}

bool ControlLoop::post(Callback callback) {
  {
    const std::lock_guard lock(core_->mutex);
    if (core_->mail.size() >= kMaxMail) return false;
    core_->mail.push_back(std::move(callback));
  }
  ::uv_async_send(&core_->wake_up);
  return true;
}

Watch ControlLoop::after(Micros delay, Callback callback) {
  return core_->start_timer(delay, 0, std::move(callback));
}

Watch ControlLoop::every(Micros interval, Callback callback) {
  const Micros at_least = std::max(interval, kMillisecond);  // 0 would mean "once" to libuv
  return core_->start_timer(at_least, at_least, std::move(callback));
}

Result<Watch> ControlLoop::on_signal(int number, std::function<void(int)> callback) {
  auto* signal = new SignalWatch(std::move(callback));
  ::uv_signal_init(&core_->loop, &signal->handle);
  Watch watch(signal);
  const int status = ::uv_signal_start(
      &signal->handle,
      [](uv_signal_t* handle, int caught) { SignalWatch::of(handle).callback(caught); }, number);
  if (status != 0) return error_of(status, "cannot watch signal " + std::to_string(number));
  return watch;
}

Result<Watch> ControlLoop::watch_fd(int fd, Readiness interest,
                                    std::function<void(Readiness)> callback) {
  auto poll = std::make_unique<FdWatch>(std::move(callback));
  int status = ::uv_poll_init(&core_->loop, &poll->handle, fd);
  // A handle whose init failed was never libuv's, so it is simply freed.
  if (status != 0) return error_of(status, "cannot watch descriptor " + std::to_string(fd));
  FdWatch& started = *poll;
  Watch watch(poll.release());
  const int events = (interest.readable ? UV_READABLE : 0) | (interest.writable ? UV_WRITABLE : 0);
  status = ::uv_poll_start(&started.handle, events, [](uv_poll_t* handle, int error, int ready) {
    const bool failed = error != 0;
    FdWatch::of(handle).callback({.readable = failed || (ready & UV_READABLE) != 0,
                                  .writable = failed || (ready & UV_WRITABLE) != 0});
  });
  if (status != 0) return error_of(status, "cannot watch descriptor " + std::to_string(fd));
  return watch;
}

Watch ControlLoop::resolve(const std::string& host, std::uint16_t port,
                           std::function<void(Addresses)> callback) {
  // What is an address already must not wait behind slow names in libuv's few resolver threads.
  if (auto numeric = Address::from_host(host, port)) {
    return after(0, [address = std::move(*numeric), run = std::move(callback)] {
      run(std::vector<Address>{address});
    });
  }
  auto* lookup = new LookupWatch(std::move(callback));
  lookup->host = host;
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  const int status = ::uv_getaddrinfo(&core_->loop, &lookup->request, on_lookup, host.c_str(),
                                      std::to_string(port).c_str(), &hints);
  if (status == 0) return Watch(lookup);
  std::function<void(Addresses)> run = std::move(lookup->callback);
  delete lookup;
  return after(0, [run = std::move(run),
                   error = error_of(status, "cannot look up \"" + host + "\"")] { run(error); });
}

}  // namespace pgsaba::net
