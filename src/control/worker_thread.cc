#include "control/worker_thread.h"

#include <csignal>
#include <string>

#include "pgsaba/base/log.h"
#include "pgsaba/net/epoll_network.h"
#include "pgsaba/net/uring_network.h"

namespace pgsaba::control {
namespace {

struct OpenedNetwork {
  std::unique_ptr<net::Network> network;
  std::string_view name;
};

// What one worker cannot have, because of a filter or an old kernel, the others cannot have either:
// it is said once.
Result<OpenedNetwork> open_network(config::NetworkKind kind, std::size_t worker) {
  if (kind != config::NetworkKind::kEpoll) {
    auto uring = net::UringNetwork::create();
    if (uring) return OpenedNetwork{std::move(*uring), "io_uring"};
    const Error& error = uring.error();
    if (kind == config::NetworkKind::kUring)
      return Error{"network: io_uring: " + error.message, error.hint};
    if (worker == 0) log::info("no io_uring here, epoll does: {}", error.message);
  }
  auto epoll = net::EpollNetwork::create();
  if (!epoll) return epoll.error();
  return OpenedNetwork{std::move(*epoll), "epoll"};
}

}  // namespace

Result<std::unique_ptr<WorkerThread>> WorkerThread::create(
    std::size_t index, worker::Process& process, std::shared_ptr<const worker::Picture> picture) {
  auto opened = open_network(picture->config->network, index);
  if (!opened) return opened.error();
  std::unique_ptr<WorkerThread> thread(new WorkerThread());
  thread->network_ = std::move(opened->network);
  thread->network_name_ = opened->name;
  thread->worker_ = std::make_unique<worker::Worker>(index, *thread->network_, process,
                                                     std::move(picture), monotonic_now());
  return thread;
}

WorkerThread::~WorkerThread() { stop(); }

void WorkerThread::start() {
  thread_ = std::thread([this] { run(); });
  const std::string name = "worker-" + std::to_string(worker_->worker_index());
  ::pthread_setname_np(thread_.native_handle(), name.c_str());
}

void WorkerThread::stop() {
  stop_ = true;
  network_->wake();
  if (thread_.joinable()) thread_.join();
}

void WorkerThread::run() {
  sigset_t all;  // signals are the control thread's business
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, nullptr);
  while (!stop_.load(std::memory_order_relaxed)) {
    network_->wait(worker_->timeout(monotonic_now()));
    worker_->run_turn(monotonic_now());
  }
  worker_->end_all();
}

}  // namespace pgsaba::control
